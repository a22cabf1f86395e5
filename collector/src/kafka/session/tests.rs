//! A session with listeners that are not Kafka's, and with properties that librdkafka refuses.

mod tokens;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::channel;

use shared::config::{Config, Environment, Program};

use super::*;
use crate::snapshot::Reason;

fn config(servers: &str, properties: &str) -> Config {
    let text = format!(
        "[exporter]\npoll_interval = \"5s\"\n[[clusters]]\nname = \"a\"\nbootstrap_servers = \"{servers}\"\n\
         [clusters.consumer_properties]\n{properties}\n"
    );
    let env = Environment::default();
    let loaded = shared::config::parse(&text, "test", Program::Collector, &env);
    loaded.unwrap().config
}

pub(super) fn open(servers: &str, properties: &str) -> Session {
    let config = config(servers, properties);
    let cluster = Arc::new(config.clusters[0].clone());
    let client_guard = Arc::new(ClientGuard::without_election());
    let fence = Fence::new(client_guard.permit_check());
    Session::open(cluster, Arc::new(config.exporter), fence, &client_guard).unwrap()
}

/// Collects from `servers`; returns the reason for which the collection fails, and the first connection error.
fn collect(servers: &str, properties: &str) -> (Reason, Option<ConnectionError>) {
    let mut session = open(servers, properties);
    let (progress, _) = watch::channel(Progress::default());
    let snapshot = session.collect(&progress);
    let failure = &snapshot.failures[0];
    assert_eq!(failure.unknown.api, Api::Metadata);
    let errors = session.connection_errors().borrow().clone();
    (failure.unknown.reason, errors.into_iter().next())
}

/// Collects from a listener that waits for a request on each connection, sends `answer` and closes the connection.
fn collect_from(answer: &'static [u8], properties: &str) -> (Reason, Option<ConnectionError>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The client may have closed the connection by now.
            let _said = stream.read(&mut [0; 512]);
            stream.write_all(answer).ok();
        }
    });
    collect(&servers, properties)
}

fn refused(properties: &str) -> String {
    let config = config("kafka:9092", properties);
    check(&config.clusters[0]).unwrap_err().to_string()
}

#[test]
fn a_broker_that_is_not_there_is_reported_with_the_cause() {
    let (reason, text) = collect("127.0.0.1:1", "");
    assert_eq!(reason, Reason::Transport);
    assert!(text.unwrap().text.contains("Connection refused"));
}

#[test]
fn a_broker_that_accepts_and_never_answers_times_out() {
    let (listener, (_end, ended)) = (TcpListener::bind("127.0.0.1:0").unwrap(), channel::<()>());
    let servers = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let _accepted: Vec<_> = listener.incoming().take(1).collect();
        ended.recv().ok();
    });
    assert_eq!(collect(&servers, ""), (Reason::Timeout, None));
}

#[test]
fn tls_on_one_side_only_is_reported_as_tls() {
    let tls = "\"security.protocol\" = \"ssl\"\n";
    let (reason, text) = collect_from(b"", tls);
    assert_eq!(reason, Reason::Tls, "{text:?}");
    let told = text.unwrap();
    assert!(told.text.contains("state SSL_HANDSHAKE"), "{told:?}");
    assert!(told.advice.unwrap().contains("does not speak TLS"));

    // A listener with TLS answers a client without TLS with an alert.
    let (reason, text) = collect_from(b"\x15\x03\x03\x00\x02\x02\x46\x00", "");
    assert_eq!(reason, Reason::Tls, "{text:?}");
    let told = text.unwrap();
    assert!(told.text.contains("Invalid response size"), "{told:?}");
    assert!(told.advice.unwrap().contains("expects TLS"));
}

/// Apache Kafka's listeners with TLS close the connection on a client without TLS.
#[test]
fn a_listener_that_closes_on_the_first_request_may_expect_tls() {
    let (_, told) = collect_from(b"", "");
    let told = told.unwrap();
    assert!(told.text.contains("Disconnected"), "{told:?}");
    assert!(told.advice.unwrap().contains("expects TLS"));
}

#[test]
fn properties_that_librdkafka_refuses_are_reported_without_their_values() {
    let told = refused("\"sasl.pasword\" = \"hunter2\"");
    assert_eq!(
        told,
        "librdkafka refuses \"sasl.pasword\": No such configuration property: \"sasl.pasword\""
    );
    let told = refused("\"sasl.login.callback\" = \"hunter2\"");
    assert!(!told.contains("hunter2"), "{told}");
    let told = refused("\"security.protocol\" = \"SSLL\"");
    assert!(told.contains("SSLL"), "{told}");
    let told =
        refused("\"ssl.ca.location\" = \"/nowhere/ca.pem\"\n\"security.protocol\" = \"ssl\"");
    assert!(told.contains("ssl.ca.location"), "{told}");
}

#[test]
fn a_token_is_hidden_in_reported_errors() {
    let door = "\"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"OAUTHBEARER\"\n\
                \"enable.sasl.oauthbearer.unsecure.jwt\" = true\n\
                \"sasl.oauthbearer.config\" = \"S3CRETTOKEN\"";
    let (_, text) = collect_from(b"", door);
    let text = text.unwrap().text;
    assert!(!text.contains("S3CRET"), "{text}");
    assert!(text.contains("beginning at: ***"), "{text}");
}
