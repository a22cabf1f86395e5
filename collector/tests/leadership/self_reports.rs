//! Tests of the collector's reports about itself to the source: they are true at the time of each request.

use std::net::TcpListener;
use std::time::Duration;

use tokio::time::Instant;

use crate::process::{Collector, wait_until};
use crate::source::{Reply, Source};
use crate::{NO_KAFKA, leader_answer, standby_answer};

#[test]
fn requests_count_up_and_report_the_true_state() {
    let source = Source::tcp(standby_answer());
    let mut collector = Collector::start("words", &source.url, NO_KAFKA);
    source.wait_for_requests(3);
    let requests = source.requests();
    assert!(
        requests
            .iter()
            .all(|it| it.is("gate", "closed") && it.is("healthy", "true"))
    );
    source.answer_with(leader_answer());
    source.wait_for_request_with("gate", "open");
    collector.wait_until_leader();
    source.answer_with(standby_answer());
    source.wait_for_request_with("gate", "closed");
    assert!(!collector.leads());

    source.answer_with(leader_answer());
    collector.wait_until_leader();
    source.wait_for_request_with("gate", "open");
    let (status, took) = collector.stop();
    assert_eq!(status, Some(0), "{}", collector.log());
    assert!(took < Duration::from_secs(2), "{took:?}");
    let requests = source.requests();
    let last = requests.last().unwrap();
    assert!(
        last.is("healthy", "false") && last.is("gate", "closed"),
        "{last:?}"
    );
    assert!(last.is("wait_ms", "0"), "{last:?}");
    let seqs: Vec<u64> = requests
        .iter()
        .map(|it| it.get("seq").parse().unwrap())
        .collect();
    assert!(seqs.windows(2).all(|two| two[0] < two[1]), "{seqs:?}");
    assert!(
        requests
            .iter()
            .all(|it| it.get("instance") == last.get("instance"))
    );
    assert!(requests.iter().all(|it| it.is("consumer", "pod-a")));
}

#[test]
fn the_last_report_does_not_wait_for_an_answer() {
    let source = Source::tcp(leader_answer());
    let mut collector = Collector::start("last_word", &source.url, NO_KAFKA);
    collector.wait_until_leader();
    source.answer_with(Reply::Silence);
    source.wait_for_requests(1);
    let (status, took) = collector.stop();
    assert_eq!(status, Some(0), "{}", collector.log());
    assert!(took < Duration::from_secs(2), "{took:?}");
    let requests = source.requests();
    assert!(requests.last().unwrap().is("healthy", "false"));
}

#[test]
fn a_standby_and_a_former_leader_have_no_broker_connection() {
    let kafka = TcpListener::bind("127.0.0.1:0").unwrap();
    kafka.set_nonblocking(true).unwrap();
    let source = Source::tcp(standby_answer());
    let address = kafka.local_addr().unwrap().to_string();
    let collector = Collector::start("connections", &source.url, &address);
    source.wait_for_requests(5);
    assert!(kafka.accept().is_err(), "a standby has connected");
    source.answer_with(leader_answer());
    let mut connections = vec![wait_until("a connection", || kafka.accept().ok()).0];
    // The first request on this connection is never answered.
    source.wait_for_request_with("gate", "open");
    source.answer_with(standby_answer());
    collector.wait_until_standby();
    let lost = Instant::now();
    source.wait_for_request_with("gate", "closed");
    let took = lost.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    connections.extend(std::iter::from_fn(|| kafka.accept().ok()).map(|(stream, _)| stream));
    for mut connection in connections {
        connection.set_nonblocking(true).unwrap();
        let end = std::io::Read::read_to_end(&mut connection, &mut Vec::new());
        let open = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!open, "closed was said, and a connection is open");
    }
}
