//! Clients that send many wrong passwords, or begin many TLS handshakes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;

use crate::world::{Ask, Folder};
use crate::{RIGHT, TLS, VERSIONS, folder_with_certificate, users};

#[tokio::test]
async fn wrong_passwords_are_turned_away_while_known_ones_and_probes_are_answered() {
    let server = Folder::new().serve(&users()).await;
    let right = Ask::plain("/metrics").with_password(RIGHT);
    assert_eq!(server.status(&right).await, Ok(200));
    let wrong: Vec<_> = (0..200)
        .map(|i| STANDARD.encode(format!("prom:wrong{i}")))
        .map(|encoded| Ask::plain("/metrics").with_password(&encoded))
        .collect();
    let flood = join_all(wrong.iter().map(|ask| server.status(ask)));
    let health = Ask::plain("/health");
    let others = async {
        for _ in 0..20 {
            assert_eq!(server.status(&right).await, Ok(200));
            assert_eq!(server.status(&health).await, Ok(200));
        }
    };
    let (flood, ()) = tokio::join!(flood, others);
    let n = |status| flood.iter().filter(|seen| **seen == Ok(status)).count();
    assert_eq!(n(401) + n(429), 200, "{flood:?}");
    assert!(n(429) > 100, "{flood:?}");
    server.end();
}

#[tokio::test]
async fn handshakes_are_slowed_down_while_probes_are_answered() {
    let (folder, authority) = folder_with_certificate();
    let server = folder.serve(TLS).await;
    let ask = Ask::tls("/metrics", authority.roots(), &VERSIONS);
    let flood = join_all((0..200).map(|_| server.status(&ask)));
    let health = Ask::plain("/health");
    let others = async {
        for _ in 0..20 {
            assert_eq!(server.status(&health).await, Ok(200));
        }
    };
    let (flood, ()) = tokio::join!(flood, others);
    let n_answered = flood.iter().filter(|seen| **seen == Ok(200)).count();
    // One host has a burst of 20 turns, and then 20 turns a second for the two seconds that a handshake waits at most. The probes of
    // this test take some of these turns.
    assert!((10..100).contains(&n_answered), "{n_answered}");
    let refused = server.count(r#"test_http_refused_total{reason="busy"}"#);
    assert_eq!(refused, (200 - n_answered).to_string());
    server.end();
}
