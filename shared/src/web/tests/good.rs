use rustls::ProtocolVersion;

use crate::web::algorithms::Preference;
use crate::web::client_names::AllowedName;
use crate::web::tls_settings::{ClientCertificates, PemPlace};

use super::*;

const SERVER: &str = "tls_server_config:\n  cert_file: tls.crt\n  key_file: /run/tls.key\n";

#[test]
fn names_of_files_are_relative_to_the_folder_of_the_file() {
    let tls = parse(SERVER).unwrap().tls.unwrap();
    assert!(tls.certificate.place == PemPlace::File("/etc/web/tls.crt".into()));
    assert!(tls.key.place == PemPlace::File("/run/tls.key".into()));
    assert_eq!(tls.clients, ClientCertificates::NotAsked);
    assert_eq!(tls.algorithms.preference, Preference::Server);
    let versions: Vec<_> = tls.versions.iter().map(|version| version.version).collect();
    assert_eq!(
        versions,
        [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3]
    );
    assert_eq!(tls.algorithms.cipher_suites.len(), 9);
    assert_eq!(tls.algorithms.curves.len(), 3);
}

#[test]
fn everything_that_may_be_written_is_read() {
    let text = format!(
        "{SERVER}\
         {}",
        r#"  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.monitoring, 10.0.0.1, "spiffe://cluster/ns/monitoring"]
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256]
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: 0
    Content-Security-Policy: default-src 'none'
    Strict-Transport-Security: ""
basic_auth_users:
  prom: HASH
  17: HASH
"#
    );
    let settings = parse(&text).unwrap();
    let tls = settings.tls.unwrap();
    let ClientCertificates::Required(authorities, Some(names)) = tls.clients else {
        panic!("{:?}", tls.clients);
    };
    assert!(authorities.place == PemPlace::File("/etc/web/ca.crt".into()));
    assert_eq!(
        names,
        [
            AllowedName::Dns("prometheus.monitoring".to_owned()),
            AllowedName::Address("10.0.0.1".parse().unwrap()),
            AllowedName::Uri("spiffe://cluster/ns/monitoring".to_owned()),
        ]
    );
    assert_eq!(tls.versions.len(), 1);
    // The three of TLS 1.3 cannot be chosen.
    assert_eq!(tls.algorithms.cipher_suites.len(), 4);
    assert_eq!(tls.algorithms.curves.len(), 1);
    assert_eq!(tls.algorithms.preference, Preference::Client);
    assert_eq!(settings.headers["x-xss-protection"], "0");
    assert_eq!(settings.headers.len(), 4);
    let users: Vec<_> = settings.users.keys().collect();
    assert_eq!(users, ["17", "prom"]);
    assert_eq!(settings.users["prom"].expose(), HASH);
}

#[test]
fn debug_output_shows_no_secret() {
    let text =
        "tls_server_config:\n  cert: hunter2\n  key: hunter2\nbasic_auth_users:\n  a: HASH\n";
    let shown = format!("{:?}", parse(text).unwrap());
    assert!(
        !shown.contains("hunter2") && !shown.contains("$2y$"),
        "{shown}"
    );
}
