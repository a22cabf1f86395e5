//! Tests of a listener with a web configuration: clients that are answered or refused, and changes of the files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authority;
mod files;
mod floods;
mod reloads;
mod world;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use authority::Authority;
use world::{Ask, Folder};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

const TLS: &str = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n";

/// The section with the user "prom". `HASH` stands for the hash of the password "hunter2".
const USERS: &str = "basic_auth_users:\n  prom: HASH\n";

/// The text "prom:hunter2", the right password, in base64.
const RIGHT: &str = "cHJvbTpodW50ZXIy";
/// The text "prom:hunter3", a wrong password, in base64.
const WRONG: &str = "cHJvbTpodW50ZXIz";

fn users() -> String {
    USERS.replace("HASH", &bcrypt::hash("hunter2", 4).unwrap())
}

/// Makes a folder with a server's certificate and key, and the authority that issued the certificate.
fn folder_with_certificate() -> (Folder, Authority) {
    let folder = Folder::new();
    let authority = Authority::new("servers");
    folder.write_server(&authority.issue(&["localhost"]));
    (folder, authority)
}

#[tokio::test]
async fn a_password_is_asked_for_and_probes_are_answered_without() {
    let server = Folder::new().serve(&users()).await;
    let metrics = Ask::plain("/metrics");
    let answer = server.answer(&metrics).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(
        answer.to_lowercase().contains("www-authenticate: basic"),
        "{answer}"
    );
    let right = metrics.clone().with_password(RIGHT);
    let wrong = metrics.clone().with_password(WRONG);
    for _ in 0..2 {
        assert_eq!(server.status(&right).await, Ok(200));
        assert_eq!(server.status(&wrong).await, Ok(401));
        assert_eq!(server.status(&Ask::plain("/health")).await, Ok(200));
        // The response to a path that does not exist is the same, so it does not tell which paths exist.
        assert_eq!(server.status(&Ask::plain("/other")).await, Ok(401));
        assert_eq!(server.status(&Ask::plain("/health/")).await, Ok(401));
    }
    assert_eq!(
        server.count(r#"test_http_refused_total{reason="password"}"#),
        "7"
    );
    server.end();
}

#[tokio::test]
async fn tls_of_both_versions_is_spoken_and_plain_http_reaches_only_probes() {
    let (folder, authority) = folder_with_certificate();
    let server = folder.serve(TLS).await;
    for version in VERSIONS {
        for path in ["/metrics", "/health"] {
            let ask = Ask::tls(path, authority.roots(), &[version]);
            assert_eq!(server.status(&ask).await, Ok(200), "{version:?} {path}");
        }
    }
    assert_eq!(server.status(&Ask::plain("/health")).await, Ok(200));
    let refused = server.answer(&Ask::plain("/metrics")).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    assert!(refused.ends_with("https://\n"), "{refused}");
    assert_eq!(
        server.count(r#"test_http_refused_total{reason="plain"}"#),
        "1"
    );
    server.end();
}

#[tokio::test]
async fn a_version_that_is_left_out_is_refused() {
    let (folder, authority) = folder_with_certificate();
    let server = folder.serve(&format!("{TLS}  min_version: TLS13\n")).await;
    let ask = Ask::tls("/metrics", authority.roots(), &[&TLS12]);
    assert!(
        server
            .status(&ask)
            .await
            .unwrap_err()
            .contains("ProtocolVersion")
    );
    let ask = Ask::tls("/metrics", authority.roots(), &[&TLS13]);
    assert_eq!(server.status(&ask).await, Ok(200));
    assert_eq!(
        server.count(r#"test_http_refused_total{reason="handshake"}"#),
        "1"
    );
    server.end();
}

#[tokio::test]
async fn certificates_of_clients_are_checked_by_issuer_and_name() {
    let (folder, authority) = folder_with_certificate();
    let clients = Authority::new("clients");
    folder.write("ca.crt", &clients.pem());
    let text = format!(
        "{TLS}  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n  \
         client_allowed_sans: [prometheus.monitoring, 10.0.0.1, 'spiffe://cluster/prometheus']\n"
    );
    let server = folder.serve(&text).await;
    for version in VERSIONS {
        for name in [
            "prometheus.monitoring",
            "10.0.0.1",
            "spiffe://cluster/prometheus",
        ] {
            let ask = Ask::certified(
                "/metrics",
                &authority,
                &clients.issue(&["x", name]),
                version,
            );
            assert_eq!(server.status(&ask).await, Ok(200), "{name}");
        }
        for name in [
            "grafana.monitoring",
            "10.0.0.2",
            "spiffe://cluster/grafana",
            "a.prometheus.monitoring",
        ] {
            let ask = Ask::certified("/metrics", &authority, &clients.issue(&[name]), version);
            assert!(server.status(&ask).await.is_err(), "{name}");
        }
        let stranger = Authority::new("clients").issue(&["prometheus.monitoring"]);
        let ask = Ask::certified("/metrics", &authority, &stranger, version);
        assert!(server.status(&ask).await.is_err());
        let ask = Ask::tls("/metrics", authority.roots(), &[version]);
        assert!(server.status(&ask).await.is_err());
    }
    assert_eq!(server.status(&Ask::plain("/health")).await, Ok(200));
    assert_eq!(server.status(&Ask::plain("/metrics")).await, Ok(400));
    server.end();
}

#[tokio::test]
async fn tls_and_a_password_are_asked_for_together_and_headers_are_added() {
    let (folder, authority) = folder_with_certificate();
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n";
    let text = format!("{TLS}{headers}{}", users());
    let server = folder.serve(&text).await;
    let ask = Ask::tls("/metrics", authority.roots(), &VERSIONS);
    assert_eq!(server.status(&ask).await, Ok(401));
    let answer = server.answer(&ask.with_password(RIGHT)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-frame-options: deny"), "{answer}");
    let plain = Ask::plain("/metrics").with_password(RIGHT);
    assert_eq!(server.status(&plain).await, Ok(400));
    server.end();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_begins_nothing_or_half_a_handshake_is_closed() {
    let (folder, _authority) = folder_with_certificate();
    let server = folder.serve(TLS).await;
    for beginning in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        let mut rest = Vec::new();
        // The server closes the connection, or resets it if it has not read all bytes; the read returns an error then.
        drop(stream.read_to_end(&mut rest).await);
        assert!(rest.len() < 100, "{rest:?}");
    }
    server.end();
}
