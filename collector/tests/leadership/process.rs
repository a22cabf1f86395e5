//! A collector as a process, which asks a source for leadership.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::served_addresses::served_addresses;

/// The longest time that a test waits for anything.
const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// A running collector, which is killed when this value is dropped.
pub(crate) struct Collector {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

/// Returns a path in the directory for temporary files of tests.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Calls `ask` every few milliseconds until it returns a value. Panics after [`WAIT_LIMIT`], with `what` in the message.
pub(crate) fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + WAIT_LIMIT;
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(Instant::now() < end, "waited {WAIT_LIMIT:?} for {what}");
        sleep(Duration::from_millis(5));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a process is watched from outside"
)]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

// === impl Collector ===

impl Collector {
    /// Starts a collector that asks at `url` and reads Kafka at `kafka`, and waits until it serves HTTP.
    pub(crate) fn start(name: &str, url: &str, kafka: &str) -> Self {
        let config = format!(
            "[exporter]\nhttp_host = \"127.0.0.1\"\nhttp_port = 0\n\
             [exporter.leadership]\nenabled = true\nidentity = \"pod-a\"\nurl = \"{url}\"\n\
             [[clusters]]\nname = \"orders\"\nbootstrap_servers = \"{kafka}\"\n"
        );
        let file = path(&format!("leadership_{name}.toml"));
        std::fs::write(&file, config).unwrap();
        let log = path(&format!("leadership_{name}.log"));
        let child = Command::new(env!("CARGO_BIN_EXE_collector"))
            .arg("--config")
            .arg(file)
            .env_remove("RUST_LOG")
            // Nothing listens at this address, so a collector that used the proxy would not reach the source.
            .env("http_proxy", "http://127.0.0.1:1")
            .stderr(Stdio::from(std::fs::File::create(&log).unwrap()))
            .spawn()
            .unwrap();
        let mut collector = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log,
        };
        collector.address = wait_until("the collector", || {
            let ended = collector.child.try_wait().unwrap();
            let log = collector.log();
            assert_eq!(ended, None, "it ended:\n{log}");
            served_addresses(&log).next()
        });
        collector
    }

    /// Returns status and body of the answer to `GET path`.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    pub(crate) fn leads(&self) -> bool {
        self.get("/leader").1.contains("true")
    }

    pub(crate) fn wait_until_leader(&self) {
        wait_until("leadership", || self.leads().then_some(()));
    }

    pub(crate) fn wait_until_standby(&self) {
        wait_until("the end of leadership", || (!self.leads()).then_some(()));
    }

    pub(crate) fn wait_for_log(&self, words: &str) {
        wait_until(words, || self.log().contains(words).then_some(()));
    }

    /// Returns the value of a series of `/telemetry`; `series` is the beginning of its line, up to the value.
    pub(crate) fn sample(&self, series: &str) -> f64 {
        let (_, text) = self.get("/telemetry");
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
        value.trim().parse().unwrap()
    }

    /// Returns the number of polls that ended with `result`.
    pub(crate) fn n_polls(&self, result: &str) -> f64 {
        self.sample(&format!(
            "kafka_lag_exporter_leadership_polls_total{{result=\"{result}\"}}"
        ))
    }

    /// Waits until one more poll has ended with `result`.
    pub(crate) fn wait_for_poll(&self, result: &str) {
        let before = self.n_polls(result);
        wait_until(result, || (self.n_polls(result) > before).then_some(()));
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Sends SIGTERM, and returns the exit status and the time until the end.
    pub(crate) fn stop(&mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        self.signal("TERM");
        let status = wait_until("the end", || self.child.try_wait().unwrap());
        (status.code(), began.elapsed())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
