//! The files with credentials that librdkafka's properties name.
//!
//! librdkafka reads these files when a client is made, and never again. Somebody who replaces them, such as cert-manager or the
//! kubelet, tells no program of it, so the collector has to look at them from time to time.
//!
//! The list has those of librdkafka's properties (`rdkafka_conf.c`) whose values are paths of files that are replaced while a
//! program runs. It leaves out:
//! - code (`ssl.engine.location`, `plugin.library.paths`), which no process loads anew;
//! - `https.ca.location` and the token file of `sasl.oauthbearer.token.endpoint.url`, which the collector itself reads for each
//!   token;
//! - the files of `sasl.oauthbearer.assertion.*`, which the configuration refuses;
//! - properties that carry a text instead of a path (`ssl.ca.pem` and others): their values change with the configuration only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::secret::Secret;

/// A file with credentials, and the property that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFile {
    /// The name of the property.
    pub property: &'static str,
    /// The path of the file, or of a directory with files of authorities.
    pub path: PathBuf,
}

/// The part of a login for which librdkafka reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadFor {
    /// TLS with brokers.
    Tls,
    /// A login by Kerberos, which needs a build with the Cargo feature `gssapi`.
    Kerberos,
}

/// The properties, each with the part of a login that its file is read for. Without that part, librdkafka does not read the file.
const PROPERTIES: [(&str, ReadFor); 6] = [
    ("ssl.ca.location", ReadFor::Tls),
    ("ssl.certificate.location", ReadFor::Tls),
    ("ssl.key.location", ReadFor::Tls),
    ("ssl.keystore.location", ReadFor::Tls),
    ("ssl.crl.location", ReadFor::Tls),
    ("sasl.kerberos.keytab", ReadFor::Kerberos),
];

/// The value of `ssl.ca.location` that is no path: librdkafka searches for the system's authorities.
const PROBE: &str = "probe";

/// Returns the files that librdkafka reads for a client with these properties.
pub(super) fn of(properties: &BTreeMap<String, Secret>) -> Vec<CredentialFile> {
    let value = |name: &str| properties.get(name).map_or("", Secret::expose);
    let protocol = value("security.protocol").to_ascii_lowercase();
    let mechanism = match value("sasl.mechanisms") {
        "" => value("sasl.mechanism"),
        name => name,
    };
    let is_read = |read_for| match read_for {
        ReadFor::Tls => protocol.ends_with("ssl"),
        ReadFor::Kerberos => protocol.starts_with("sasl_") && matches!(mechanism, "" | "GSSAPI"),
    };
    let read = PROPERTIES.iter().filter(|(_, read_for)| is_read(*read_for));
    let named = read.map(|(property, _)| (*property, value(property)));
    let files = named.filter(|(_, path)| !path.is_empty() && *path != PROBE);
    files
        .map(|(property, path)| CredentialFile {
            property,
            path: PathBuf::from(path),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(properties: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let secret = |value: &str| Secret::new(value.to_owned());
        let named = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), secret(value)));
        of(&named.collect())
            .into_iter()
            .map(|file| (file.property, file.path.display().to_string()))
            .collect()
    }

    #[test]
    fn files_of_tls_are_read_where_there_is_tls() {
        let named = [
            ("ssl.ca.location", "/ca"),
            ("ssl.certificate.location", "/cert"),
            ("ssl.key.location", "/key"),
            ("ssl.keystore.location", ""),
            ("ssl.crl.location", "/crl"),
            ("ssl.key.password", "hunter2"),
            ("https.ca.location", "/idp"),
        ];
        let with = |protocol| files(&[&named[..], &[("security.protocol", protocol)]].concat());
        let read = [
            ("ssl.ca.location", "/ca"),
            ("ssl.certificate.location", "/cert"),
            ("ssl.key.location", "/key"),
            ("ssl.crl.location", "/crl"),
        ];
        let read = read.map(|(property, path)| (property, path.to_owned()));
        for protocol in ["SSL", "sasl_ssl"] {
            assert_eq!(with(protocol), read, "{protocol}");
        }
        assert_eq!(with("SASL_PLAINTEXT"), []);
        assert_eq!(files(&named), []);
    }

    #[test]
    fn the_authorities_of_the_system_are_no_file() {
        let probe = [("security.protocol", "SSL"), ("ssl.ca.location", "probe")];
        assert_eq!(files(&probe), []);
    }

    #[test]
    fn a_keytab_is_read_for_kerberos_alone() {
        let with = |mechanism| {
            files(&[
                ("security.protocol", "SASL_PLAINTEXT"),
                ("sasl.mechanism", mechanism),
                ("sasl.kerberos.keytab", "/keytab"),
            ])
        };
        let keytab = ("sasl.kerberos.keytab", "/keytab".to_owned());
        assert_eq!(with("GSSAPI"), [keytab]);
        assert_eq!(with("PLAIN"), []);
    }
}
