//! Certificates for a broker and its clients, made by openssl for one test: two authorities, of which brokers trust
//! the first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::host::TempDir;
use super::kafka::User;
use super::process;

/// Paths of PEM files.
#[derive(Debug)]
pub struct Keys {
    dir: PathBuf,
}

// === impl Keys ===

impl Keys {
    /// Makes all keys and certificates in a directory of a test.
    pub(super) fn make(scratch: &TempDir) -> Result<Self> {
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
        }
        // A broker's key store in PEM format is its key and its certificate chain in one file.
        let mut store = fs::read(keys.path("broker.key"))?;
        store.extend(fs::read(keys.path("broker.pem"))?);
        fs::write(keys.path("broker-store.pem"), store)?;
        Ok(keys)
    }

    /// The authority that brokers and good clients trust.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// An authority that has signed nothing.
    pub fn other_ca(&self) -> PathBuf {
        self.path("other-ca.pem")
    }

    /// A client's certificate.
    pub fn certificate(&self, user: User) -> PathBuf {
        self.path(&format!("{}.pem", user.name()))
    }

    /// A client's private key.
    pub fn key(&self, user: User) -> PathBuf {
        self.path(&format!("{}.key", user.name()))
    }

    /// The broker's key and certificate.
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
