//! The keys of `tls_server_config` that choose cipher suites and curves, which have Go's names there.

use rustls::crypto::{SupportedKxGroup, ring};
use rustls::{ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion};

use super::section_reader::SectionReader;

/// The algorithms that the server offers, in its order of preference.
#[derive(Clone, Debug)]
pub(super) struct Algorithms {
    /// The cipher suites of TLS 1.2 and 1.3.
    pub(super) cipher_suites: Vec<SupportedCipherSuite>,
    /// The curves for the key exchange.
    pub(super) curves: Vec<&'static dyn SupportedKxGroup>,
    /// The side whose order of cipher suites decides.
    pub(super) preference: Preference,
}

/// The side whose order of cipher suites decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    /// The server takes the first of its own cipher suites that the client has.
    Server,
    /// The server takes the first of the client's cipher suites that the server has.
    Client,
}

static CURVES: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", ring::kx_group::X25519),
    ("CurveP256", ring::kx_group::SECP256R1),
    ("CurveP384", ring::kx_group::SECP384R1),
];

/// Reads the keys of `tls_server_config` that name algorithms. `versions` are the versions of TLS that the server offers.
pub(super) fn read(
    section: &mut SectionReader<'_, '_>,
    versions: &[&SupportedProtocolVersion],
) -> Algorithms {
    let chosen = section.texts("cipher_suites", cipher_suite);
    let curves = section.texts("curve_preferences", curve);
    let preference = match section.boolean("prefer_server_cipher_suites") {
        Some(false) => Preference::Client,
        Some(true) | None => Preference::Server,
    };
    let has_tls12 = versions
        .iter()
        .any(|version| version.version == ProtocolVersion::TLSv1_2);
    if chosen.is_some() && !has_tls12 {
        let message = "chooses among those of TLS 1.2, which min_version leaves out; remove one of the two keys";
        section.add_problem("cipher_suites", message);
    }
    Algorithms {
        cipher_suites: cipher_suites(chosen.unwrap_or_default()),
        curves: match curves {
            Some(curves) if !curves.is_empty() => curves,
            _ => ring::ALL_KX_GROUPS.to_vec(),
        },
        preference,
    }
}

/// Returns the cipher suites of TLS 1.3, which cannot be chosen, with those chosen for TLS 1.2; all suites if none is chosen.
fn cipher_suites(mut chosen: Vec<SupportedCipherSuite>) -> Vec<SupportedCipherSuite> {
    chosen.retain(|suite| suite.tls13().is_none());
    if chosen.is_empty() {
        return ring::ALL_CIPHER_SUITES.to_vec();
    }
    let of_tls13 = ring::ALL_CIPHER_SUITES.iter().copied();
    let mut suites: Vec<_> = of_tls13.filter(|suite| suite.tls13().is_some()).collect();
    suites.extend(chosen);
    suites
}

fn cipher_suite(name: &str) -> Result<SupportedCipherSuite, String> {
    let mut suites = ring::ALL_CIPHER_SUITES.iter();
    let suite = suites.find(|suite| go_name(suite) == name);
    suite.copied().ok_or_else(|| {
        let there: Vec<String> = ring::ALL_CIPHER_SUITES
            .iter()
            .filter(|suite| suite.tls13().is_none())
            .map(go_name)
            .collect();
        format!("no such cipher suite here; there are {}", there.join(", "))
    })
}

/// Returns the name of a cipher suite in Go, which exporter-toolkit takes.
fn go_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn curve(name: &str) -> Result<&'static dyn SupportedKxGroup, String> {
    let curve = CURVES.iter().find(|(curve, _)| *curve == name);
    curve.map(|(_, curve)| *curve).ok_or_else(|| {
        let there: Vec<&str> = CURVES.iter().map(|(curve, _)| *curve).collect();
        format!("no such curve here; there are {}", there.join(", "))
    })
}
