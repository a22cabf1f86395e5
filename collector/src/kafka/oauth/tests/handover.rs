//! Tests of the handover: clients that were there before a token get it, and so do clients that are made later.

use std::sync::mpsc::Receiver;

use shared::config::{Cluster, Secret};

use super::broker::broker;
use super::*;
use crate::gate::client_slot::ClientGuard;
use crate::kafka::native::{Client, Token, TokenHandover};
use crate::kafka::properties as client_properties;

/// A time at which no token of these tests has expired, in milliseconds since 1970.
const FAR: i64 = 4_000_000_000_000;

struct Scene {
    cluster: Cluster,
    logins: Receiver<Vec<u8>>,
    handover: Arc<TokenHandover>,
}

fn scene() -> Scene {
    let (servers, logins) = broker();
    let properties = properties("http://127.0.0.1:1/");
    let text = format!(
        "[[clusters]]\nname = \"a\"\nbootstrap_servers = \"{servers}\"\n[clusters.consumer_properties]\n{properties}"
    );
    let env = Environment::default();
    let loaded = shared::config::parse(&text, "test", Program::Collector, &env).unwrap();
    Scene {
        cluster: loaded.config.clusters[0].clone(),
        logins,
        handover: Arc::new(TokenHandover::new(&[])),
    }
}

impl Scene {
    fn client(&self) -> Client {
        let properties =
            client_properties::of(&self.cluster, &[]).with_tokens(Some(&self.handover));
        let fence = Fence::new(ClientGuard::without_election().permit_check());
        Client::create(&properties, &fence).unwrap()
    }

    fn set(&self, value: &str, expires_ms: i64) {
        let token = Token {
            value: Secret::new(value.to_owned()),
            principal: String::new(),
        };
        self.handover.set(token, expires_ms);
    }

    /// Returns the token of the next login that a client begins; a client's answer to a refusal is not one.
    fn next_login(&self) -> String {
        loop {
            let login = self.logins.recv_timeout(MINUTE).unwrap();
            let login = String::from_utf8_lossy(&login).into_owned();
            if let Some((_, token)) = login.split_once("auth=Bearer ") {
                return token.trim_end_matches('\u{1}').to_owned();
            }
        }
    }
}

#[test]
fn a_client_without_a_token_does_not_connect_and_does_as_soon_as_there_is_one() {
    let scene = scene();
    let _client = scene.client();
    assert!(
        scene
            .logins
            .recv_timeout(Duration::from_millis(300))
            .is_err()
    );
    scene.set("first", FAR);
    assert_eq!(scene.next_login(), "first");
    // librdkafka connects again after the refusal, with the token that it has then.
    scene.set("second", FAR);
    while scene.next_login() != "second" {}
}

#[test]
fn a_client_that_is_made_later_has_the_last_token_at_once() {
    let scene = scene();
    scene.set("first", FAR);
    drop(scene.client());
    scene.set("second", FAR);
    let _client = scene.client();
    while scene.next_login() != "second" {}
}

#[test]
fn a_token_that_has_expired_is_not_given_to_a_new_client() {
    let scene = scene();
    scene.set("expired", 1);
    let _client = scene.client();
    assert!(
        scene
            .logins
            .recv_timeout(Duration::from_millis(300))
            .is_err()
    );
}
