//! What the collector says of itself to the source is true when it says so.

use std::net::TcpListener;
use std::time::Duration;

use tokio::time::Instant;

use crate::process::{Collector, until};
use crate::source::{Reply, Source};
use crate::{NO_KAFKA, standby, yes};

#[test]
fn questions_count_up_and_say_what_is_true() {
    let source = Source::tcp(standby());
    let mut collector = Collector::start("words", &source.url, NO_KAFKA);
    source.until_asked(3);
    let asked = source.asked();
    assert!(
        asked
            .iter()
            .all(|it| it.is("gate", "closed") && it.is("healthy", "true"))
    );
    source.say(yes());
    source.until_said("gate", "open");
    collector.until_leads();
    source.say(standby());
    source.until_said("gate", "closed");
    assert!(!collector.leads());

    source.say(yes());
    collector.until_leads();
    source.until_said("gate", "open");
    let (status, took) = collector.stop();
    assert_eq!(status, Some(0), "{}", collector.log());
    assert!(took < Duration::from_secs(2), "{took:?}");
    let asked = source.asked();
    let last = asked.last().unwrap();
    assert!(
        last.is("healthy", "false") && last.is("gate", "closed"),
        "{last:?}"
    );
    assert!(last.is("wait_ms", "0"), "{last:?}");
    let seqs: Vec<u64> = asked
        .iter()
        .map(|it| it.get("seq").parse().unwrap())
        .collect();
    assert!(seqs.windows(2).all(|two| two[0] < two[1]), "{seqs:?}");
    assert!(
        asked
            .iter()
            .all(|it| it.get("instance") == last.get("instance"))
    );
    assert!(asked.iter().all(|it| it.is("consumer", "pod-a")));
}

#[test]
fn the_last_word_waits_for_no_source() {
    let source = Source::tcp(yes());
    let mut collector = Collector::start("last_word", &source.url, NO_KAFKA);
    collector.until_leads();
    source.say(Reply::Silence);
    source.until_asked(1);
    let (status, took) = collector.stop();
    assert_eq!(status, Some(0), "{}", collector.log());
    assert!(took < Duration::from_secs(2), "{took:?}");
    let asked = source.asked();
    assert!(asked.last().unwrap().is("healthy", "false"));
}

#[test]
fn a_standby_has_no_broker_connection_and_a_leader_that_was_has_none_either() {
    let kafka = TcpListener::bind("127.0.0.1:0").unwrap();
    kafka.set_nonblocking(true).unwrap();
    let source = Source::tcp(standby());
    let address = kafka.local_addr().unwrap().to_string();
    let collector = Collector::start("connections", &source.url, &address);
    source.until_asked(5);
    assert!(kafka.accept().is_err(), "a standby has connected");
    source.say(yes());
    let mut connections = vec![until("a connection", || kafka.accept().ok()).0];
    // Its first question is never answered.
    source.until_said("gate", "open");
    source.say(standby());
    collector.until_stands_by();
    let lost = Instant::now();
    source.until_said("gate", "closed");
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
