//! Certificates for brokers and their clients, made by openssl for one test: two authorities, of which brokers trust the first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::host::TempDir;
use super::kafka::User;
use super::process;

/// The password of users' PKCS#12 files.
pub const STORE_PASSWORD: &str = "lab-store-password";

/// The directory with the files of keys and certificates.
#[derive(Debug)]
pub struct Keys {
    dir: PathBuf,
}

// === impl Keys ===

impl Keys {
    /// Makes all keys and certificates, valid for two days, in the directory `keys` of `scratch`.
    pub fn make(scratch: &TempDir) -> Result<Self> {
        let keys = Self {
            dir: scratch.path().join("keys"),
        };
        fs::create_dir_all(&keys.dir)?;
        keys.authority("ca")?;
        keys.authority("other-ca")?;
        let names = scratch.write(
            "keys/names.ext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost\n",
        )?;
        keys.signed("broker", &names)?;
        for user in User::ALL {
            keys.signed(user.name(), &names)?;
            keys.stored(user.name())?;
        }
        // Kafka takes a key store in PEM format as one file with the private key and the certificate chain.
        let mut store = fs::read(keys.path("broker.key"))?;
        store.extend(fs::read(keys.path("broker.pem"))?);
        fs::write(keys.path("broker-store.pem"), store)?;
        Ok(keys)
    }

    /// Returns the path of the certificate of the authority that brokers and their clients trust.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Returns the path of the certificate of an authority that has signed no other certificate. A client that trusts it alone
    /// refuses brokers.
    pub fn other_ca(&self) -> PathBuf {
        self.path("other-ca.pem")
    }

    /// Returns the path of a user's certificate.
    pub fn certificate(&self, user: User) -> PathBuf {
        self.path(&format!("{}.pem", user.name()))
    }

    /// Returns the path of a user's private key.
    pub fn key(&self, user: User) -> PathBuf {
        self.path(&format!("{}.key", user.name()))
    }

    /// Returns the path of a PKCS#12 file with a user's certificate and private key, under the password
    /// [`STORE_PASSWORD`].
    pub fn store(&self, user: User) -> PathBuf {
        self.path(&format!("{}.p12", user.name()))
    }

    /// Returns the path of the key store with the private key and the certificate of all brokers.
    pub(super) fn broker(&self) -> PathBuf {
        self.path("broker-store.pem")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    fn authority(&self, name: &str) -> Result<()> {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let subject = format!("/CN=klag {name}");
        self.openssl(
            &format!("req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {pem} -subj"),
            &subject,
        )
    }

    fn signed(&self, name: &str, names: &Path) -> Result<()> {
        let subject = format!("/CN={name}");
        let names = names.to_str().context("a path that is not UTF-8")?;
        self.openssl(
            &format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj"),
            &subject,
        )?;
        let sign =
            format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2");
        self.openssl(&format!("{sign} -out {name}.pem -extfile"), names)
    }

    fn stored(&self, name: &str) -> Result<()> {
        let export = format!("pkcs12 -export -in {name}.pem -inkey {name}.key -out {name}.p12");
        self.openssl(
            &format!("{export} -passout"),
            &format!("pass:{STORE_PASSWORD}"),
        )
    }

    fn openssl(&self, words: &str, last: &str) -> Result<()> {
        let mut openssl = Command::new("openssl");
        openssl
            .args(words.split(' '))
            .arg(last)
            .current_dir(&self.dir);
        process::run(openssl, Duration::from_secs(60))?;
        Ok(())
    }
}
