//! Files that a web configuration names: the messages about files that cannot be used, and texts in place of files.

use std::fmt::Write as _;

use crate::authority::Authority;
use crate::world::Folder;

const TLS: &str = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n";

const CLIENTS: &str = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n";

#[test]
fn a_file_that_cannot_be_used_is_an_error_that_names_its_key() {
    let authority = Authority::new("servers");
    let (server, other) = (
        authority.issue(&["localhost"]),
        authority.issue(&["localhost"]),
    );
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let (certificate, key) = (server.certificate_pem.as_str(), server.key_pem());
    let cases = [
        ("no certificate", "", &key, None),
        ("another key", certificate, &other.key_pem(), None),
        ("a key in place of a certificate", &key, &key, None),
        (
            "a certificate in place of a key",
            certificate,
            &certificate.to_owned(),
            None,
        ),
        ("an encrypted key", certificate, &encrypted.to_owned(), None),
        ("a broken certificate", garbage, &key, None),
        ("no authorities", certificate, &key, Some("")),
        ("broken authorities", certificate, &key, Some(garbage)),
    ];
    let mut told = String::new();
    for (title, certificate, key, authorities) in cases {
        let folder = Folder::new();
        folder.write("tls.crt", certificate);
        folder.write("tls.key", key);
        let clients = authorities.map_or("", |authorities| {
            folder.write("ca.crt", authorities);
            CLIENTS
        });
        folder.write("web.config.yml", &format!("{TLS}{clients}"));
        writeln!(told, "# {title}\n{}\n", folder.read().expect_err(title)).unwrap();
    }
    let folder = Folder::new();
    writeln!(told, "# no file\n{}\n", folder.read().unwrap_err()).unwrap();
    folder.write("web.config.yml", TLS);
    writeln!(told, "# no named file\n{}\n", folder.read().unwrap_err()).unwrap();
    folder.write("tls.crt", &"x".repeat(2 << 20));
    writeln!(told, "# a long file\n{}", folder.read().unwrap_err()).unwrap();
    assert!(!told.contains("hunter2"));
    insta::assert_snapshot!("bad_files", told);
}

#[test]
fn texts_may_stand_in_the_file_itself() {
    let authority = Authority::new("servers");
    let server = authority.issue(&["localhost"]);
    let indented = |pem: &str| pem.trim_end().replace('\n', "\n    ");
    let folder = Folder::new();
    let text = format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n  client_ca: |\n    {}\n  \
         client_auth_type: VerifyClientCertIfGiven\n",
        indented(&server.certificate_pem),
        indented(&server.key_pem()),
        indented(&authority.pem())
    );
    folder.write("web.config.yml", &text);
    let read = folder.read().unwrap();
    let shown = format!("{read:?}");
    assert!(!shown.contains("BEGIN"), "{shown}");
}

#[test]
fn a_certificate_that_has_expired_is_warned_of_with_its_date() {
    let authority = Authority::new("servers");
    let folder = Folder::new();
    folder.write("web.config.yml", TLS);
    folder.write_server(&authority.issue(&["localhost"]));
    assert_eq!(folder.read().unwrap().warning(), None);
    folder.write_server(&authority.issue_expired());
    let warning = folder.read().unwrap().warning().unwrap();
    assert!(warning.contains("web.config.yml"), "{warning}");
    assert!(warning.contains("2020-12-31T00:00:00Z"), "{warning}");
}

#[test]
fn the_example_in_the_documents_can_be_used() {
    let document = include_str!("../../../collector/README.md");
    let (_, example) = document.split_once("```yaml\ntls_server_config:").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let folder = Folder::new();
    let authority = Authority::new("clients");
    folder.write_server(&authority.issue(&["localhost"]));
    folder.write("ca.crt", &authority.pem());
    folder.write("web.config.yml", &format!("tls_server_config:{example}"));
    folder.read().unwrap();
}
