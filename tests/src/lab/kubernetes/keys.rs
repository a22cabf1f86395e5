//! Keys of one control plane, made by openssl: an authority, the API server, an administrator, and the key that signs tokens of
//! service accounts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::lab::process;

/// The directory with the PEM files of keys and certificates.
#[derive(Clone, Debug)]
pub(super) struct ControlPlaneKeys {
    dir: PathBuf,
}

const SERVER: &str = "extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
";
const CLIENT: &str = "extendedKeyUsage=clientAuth\n";

// === impl ControlPlaneKeys ===

impl ControlPlaneKeys {
    /// Makes all keys and certificates, valid for two days, in the directory `dir`.
    pub(super) fn make(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let keys = Self {
            dir: dir.to_owned(),
        };
        keys.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=lab-ca")?;
        keys.signed("apiserver", "/CN=kube-apiserver", SERVER)?;
        keys.signed("admin", "/O=system:masters/CN=admin", CLIENT)?;
        keys.openssl("genrsa -out accounts.key 2048")?;
        Ok(keys)
    }

    /// Returns the path of the file of this name, such as `ca.crt`.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    fn signed(&self, name: &str, subject: &str, extensions: &str) -> Result<()> {
        fs::write(self.path(&format!("{name}.ext")), extensions)?;
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.csr -subj {subject}"
        ))?;
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out {name}.crt -extfile {name}.ext"
        ))
    }

    fn openssl(&self, words: &str) -> Result<()> {
        let mut openssl = Command::new("openssl");
        openssl.args(words.split(' ')).current_dir(&self.dir);
        process::run(openssl, Duration::from_secs(60))?;
        Ok(())
    }
}
