//! A session whose files change. The brokers are listeners that answer requests for metadata, or nothing.

mod broker;

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::channel;

use shared::config::CredentialFile;
use tokio::sync::watch;

use self::broker::{Broker, Connection};
use super::*;
use crate::kafka::session::Session;
use crate::kafka::session::tests::open;
use crate::progress::Progress;

/// The longest time for something to happen. The login of new clients is given up after 5 seconds.
const LIMIT: Duration = Duration::from_secs(30);

/// The certificate of an authority.
const AUTHORITY: &str = include_str!("tests/authority.pem");

/// A file of a test, which is deleted at its end.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, content: &str) -> Self {
        let file = format!("klag-session-{name}-{}", std::process::id());
        let file = Self(std::env::temp_dir().join(file));
        file.write(content);
        file
    }

    fn write(&self, content: &str) {
        fs::write(&self.0, content).unwrap();
    }

    /// Opens a session without TLS that looks at this file nevertheless.
    fn open(&self, broker: &Broker) -> Session {
        let mut session = open(&broker.servers, "");
        let file = CredentialFile {
            property: "ssl.ca.location",
            path: self.0.clone(),
        };
        session.credentials = Credentials::new(vec![file], Mask::default()).unwrap();
        session
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

fn collect(session: &mut Session) {
    session.collect(&watch::channel(Progress::default()).0);
}

/// Lets time pass between two collections until `is_so` is true.
fn pass_time_until(session: &mut Session, mut is_so: impl FnMut(&Session) -> bool) {
    let (_end, pause) = channel::<()>();
    let began = Instant::now();
    while !is_so(session) {
        assert!(began.elapsed() < LIMIT, "waited in vain");
        session.pass_time();
        pause.recv_timeout(Duration::from_millis(20)).ok();
    }
}

fn n(session: &Session, result: ReloadResult) -> u64 {
    let reloads = &session.credentials.uncounted.reloads;
    reloads.get(&result).copied().unwrap_or_default()
}

#[test]
fn new_clients_take_the_place_of_the_others_once_a_broker_has_answered_them() {
    let (broker, file) = (Broker::start(), TestFile::new("answered", "old"));
    let mut session = file.open(&broker);
    collect(&mut session);
    let old = broker.take_connections();
    assert_eq!(session.n_without_metadata, 0);
    file.write("new");
    pass_time_until(&mut session, |session| {
        n(session, ReloadResult::Success) == 1
    });
    pass_time_until(&mut session, |_| old.iter().all(Connection::is_ended));
    assert!(session.metadata.is_some(), "the session knows what it knew");
    assert_eq!(n(&session, ReloadResult::Failure), 0);
    let n_requests = |session: &Session| session.credentials.uncounted.n_requests;
    assert!(n_requests(&session) >= 1, "the login is a request");
    collect(&mut session);
    assert_eq!(n_requests(&session), 0, "the collection has counted it");
    session.metadata = None;
    collect(&mut session);
    assert_eq!(session.n_without_metadata, 0, "the new clients work");
    let new = broker.take_connections();
    assert!(!new.iter().all(Connection::is_ended));
}

#[test]
fn clients_that_cannot_log_in_are_not_used_until_those_in_use_fail_too() {
    let (broker, file) = (Broker::start(), TestFile::new("silent", "old"));
    let mut session = file.open(&broker);
    collect(&mut session);
    let old = broker.take_connections();
    broker.ignore_new_connections();
    file.write("new");
    pass_time_until(&mut session, |session| {
        n(session, ReloadResult::Failure) == 1
    });
    collect(&mut session);
    assert_eq!(session.n_without_metadata, 0, "the others still work");
    assert!(!old.iter().all(Connection::is_ended));
    old.iter().for_each(Connection::end);
    session.metadata = None;
    collect(&mut session);
    assert_eq!(session.n_without_metadata, 1);
    session.follow_credentials(Look::Now);
    assert_eq!(n(&session, ReloadResult::Success), 1);
    assert_eq!(session.n_without_metadata, 0);
}

#[test]
fn files_that_librdkafka_refuses_keep_the_clients() {
    let file = TestFile::new("refused", AUTHORITY);
    let tls = format!(
        "\"security.protocol\" = \"ssl\"\n\"ssl.ca.location\" = \"{}\"",
        file.0.display()
    );
    let mut session = open("127.0.0.1:1", &tls);
    file.write(&AUTHORITY[..AUTHORITY.len() / 2]);
    pass_time_until(&mut session, |session| {
        n(session, ReloadResult::Failure) == 1
    });
    fs::remove_file(&file.0).unwrap();
    pass_time_until(&mut session, |session| {
        n(session, ReloadResult::Failure) == 2
    });
    file.write(AUTHORITY);
    session.follow_credentials(Look::Now);
    assert!(session.credentials.replacement.is_none());
    assert_eq!(n(&session, ReloadResult::Success), 0, "nothing has changed");
}

#[test]
fn closing_the_fence_in_the_middle_of_a_replacement_ends_the_connections_of_both_sets() {
    let (broker, file) = (Broker::start(), TestFile::new("fence", "old"));
    let mut session = file.open(&broker);
    collect(&mut session);
    let mut all = broker.take_connections();
    assert!(!all.iter().all(Connection::is_ended));
    broker.ignore_new_connections();
    file.write("new");
    pass_time_until(&mut session, |_| {
        let new = broker.take_connections();
        let is_there = !new.is_empty();
        all.extend(new);
        is_there
    });
    assert!(session.credentials.replacement.is_some());
    session.fence.close();
    // The kernel tells the other side at once.
    let began = Instant::now();
    while !all.iter().all(Connection::is_ended) {
        assert!(began.elapsed() < Duration::from_secs(1), "still connected");
    }
    let limit = 2 * session.timeouts.collection;
    drop(session);
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
    assert!(broker.take_connections().is_empty());
}
