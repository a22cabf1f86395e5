//! The section `tls_server_config`.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::algorithms::{self, Algorithms};
use super::client_names::AllowedName;
use super::section_reader::{Keys, SectionReader};

/// The settings of `tls_server_config`: the encryption of connections, and the certificates that clients need.
#[derive(Clone, Debug)]
pub(super) struct TlsSettings {
    /// The server's certificate, with the certificates of intermediate issuers.
    pub(super) certificate: Pem,
    /// The private key of the server's certificate.
    pub(super) key: Pem,
    /// The demands on certificates of clients.
    pub(super) clients: ClientCertificates,
    /// The versions of TLS that the server offers; empty only if a problem was added.
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    /// The cipher suites and curves that the server offers.
    pub(super) algorithms: Algorithms,
}

/// A certificate or key in PEM, as the file gives it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pem {
    /// The line of the key in the web configuration; `None` if the key is missing.
    pub(super) line: Option<usize>,
    /// The name of the key in the section, such as `cert_file`.
    pub(super) name: &'static str,
    /// The place of the PEM text.
    pub(super) place: PemPlace,
}

/// The place of a PEM text.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum PemPlace {
    /// The PEM text is the content of this file.
    File(PathBuf),
    /// The PEM text stands in the web configuration itself. It may be a private key.
    Inline(String),
}

/// The demands on certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientCertificates {
    /// Clients are not asked for a certificate.
    NotAsked,
    /// Clients need no certificate, but a certificate that they show must have been issued by these authorities.
    VerifiedIfGiven(Pem),
    /// Clients need a certificate that was issued by these authorities and has one of these names; any name if there is no list.
    Required(Pem, Option<Vec<AllowedName>>),
}

const KEYS: Keys = Keys {
    known: &[
        "cert",
        "key",
        "client_ca",
        "cert_file",
        "key_file",
        "client_auth_type",
        "client_ca_file",
        "client_allowed_sans",
        "min_version",
        "max_version",
        "cipher_suites",
        "prefer_server_cipher_suites",
        "curve_preferences",
    ],
    refused: &[],
};

const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLS12", &TLS12), ("TLS13", &TLS13)];

/// Reads the section `tls_server_config`; `None` if the file does not have it. The result may be used only if no problem was added.
pub(super) fn read(file: &mut SectionReader<'_, '_>, folder: &Path) -> Option<TlsSettings> {
    let mut section = file.section("tls_server_config", KEYS)?;
    let certificate = required_pem(&mut section, ("cert", "cert_file"), folder);
    let key = required_pem(&mut section, ("key", "key_file"), folder);
    let clients = clients(&mut section, folder);
    let versions = versions(&mut section);
    let algorithms = algorithms::read(&mut section, &versions);
    Some(TlsSettings {
        certificate: certificate?,
        key: key?,
        clients,
        versions,
        algorithms,
    })
}

/// Reads a PEM text, from the key `inline` or from the file that the key `file` names. Both keys together are a problem.
fn pem(
    section: &mut SectionReader<'_, '_>,
    (inline, file): (&'static str, &'static str),
    folder: &Path,
) -> Option<Pem> {
    match (section.text(inline), section.text(file)) {
        (Some(_), Some(_)) => {
            section.add_problem(
                inline,
                format!("stands beside {file}; remove one of the two"),
            );
            None
        }
        (Some(text), None) => Some(Pem {
            line: section.line_of(inline),
            name: inline,
            place: PemPlace::Inline(text.to_owned()),
        }),
        (None, Some(name)) => Some(Pem {
            line: section.line_of(file),
            name: file,
            place: PemPlace::File(folder.join(name)),
        }),
        (None, None) => None,
    }
}

fn required_pem(
    section: &mut SectionReader<'_, '_>,
    names: (&'static str, &'static str),
    folder: &Path,
) -> Option<Pem> {
    let pem = pem(section, names, folder);
    let (inline, file) = names;
    if pem.is_none() && section.is_missing(inline) && section.is_missing(file) {
        section.add_problem(
            file,
            format!("is missing; write the name of a file in PEM, or the text as {inline}"),
        );
    }
    pem
}

fn clients(section: &mut SectionReader<'_, '_>, folder: &Path) -> ClientCertificates {
    let authorities = pem(section, ("client_ca", "client_ca_file"), folder);
    let allowed = section.texts("client_allowed_sans", AllowedName::parse);
    let kind = section.text("client_auth_type").unwrap_or("NoClientCert");
    let name = "client_auth_type";
    let is_required = kind == "RequireAndVerifyClientCert";
    if allowed.is_some() && !is_required {
        let message =
            "has no effect unless client_auth_type is RequireAndVerifyClientCert; write that";
        section.add_problem("client_allowed_sans", message);
    }
    if allowed.as_ref().is_some_and(Vec::is_empty) {
        section.add_problem(
            "client_allowed_sans",
            "is empty, so no client would be answered; write a name, or remove the key",
        );
    }
    match (kind, authorities) {
        ("NoClientCert", None) => {}
        ("NoClientCert", Some(authorities)) => {
            let message = "has no effect unless client_auth_type is RequireAndVerifyClientCert; write that, or remove the key";
            section.add_problem(authorities.name, message);
        }
        ("VerifyClientCertIfGiven", Some(authorities)) => {
            return ClientCertificates::VerifiedIfGiven(authorities);
        }
        ("RequireAndVerifyClientCert", Some(authorities)) => {
            return ClientCertificates::Required(authorities, allowed);
        }
        ("VerifyClientCertIfGiven" | "RequireAndVerifyClientCert", None) => {
            if section.is_missing("client_ca") && section.is_missing("client_ca_file") {
                let message = "needs the authorities that issue the certificates of clients; write client_ca_file";
                section.add_problem(name, message);
            }
        }
        ("RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert", _) => {
            let message = "would accept a certificate that anybody has made; write RequireAndVerifyClientCert and client_ca_file";
            section.add_problem(name, message);
        }
        (_, _) => section.add_problem(
            name,
            "write NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert",
        ),
    }
    ClientCertificates::NotAsked
}

fn versions(section: &mut SectionReader<'_, '_>) -> Vec<&'static SupportedProtocolVersion> {
    let least = version(section, "min_version").unwrap_or(0);
    let greatest = version(section, "max_version").unwrap_or(VERSIONS.len() - 1);
    if least > greatest {
        section.add_problem("max_version", "is older than min_version; write TLS13");
        return Vec::new();
    }
    let versions = VERSIONS[least..=greatest].iter();
    versions.map(|(_, version)| *version).collect()
}

/// Reads a key that names a version of TLS, and returns its index in [`VERSIONS`]; `None` if the key is missing or wrong.
fn version(section: &mut SectionReader<'_, '_>, name: &'static str) -> Option<usize> {
    let text = section.text(name)?;
    let place = VERSIONS.iter().position(|(version, _)| *version == text);
    if place.is_none() {
        let message = match text {
            "TLS10" | "TLS11" => "is not there, because it is broken; write TLS12 or TLS13",
            _ => "write TLS12 or TLS13",
        };
        section.add_problem(name, message);
    }
    place
}

// === impl Pem ===

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            PemPlace::File(path) => write!(f, "{}: {}", self.name, path.display()),
            PemPlace::Inline(_) => write!(f, "{}: ***", self.name),
        }
    }
}
