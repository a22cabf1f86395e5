//! The collector as a process that has it hard: nobody reads its log, and too many want to talk to it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// How long it may take to serve.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running collector.
struct Collector {
    child: Child,
    address: SocketAddr,
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// A configuration file of its own for `name`.
fn file(name: &str, port: u16) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hardship_{name}.toml"));
    let text = format!(
        "[exporter]\nhttp_host = \"127.0.0.1\"\nhttp_port = {port}\n\
         [[clusters]]\nname = \"orders\"\nbootstrap_servers = \"127.0.0.1:1\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

// === impl Collector ===

impl Collector {
    /// Starts one on a free port that logs to `log`, and waits until it serves.
    fn start(name: &str, log: Stdio) -> Self {
        let port = free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_collector"))
            .arg("--config")
            .arg(file(name, port))
            .args(["--log", "debug"])
            .stderr(log)
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut collector = Self { child, address };
        let began = Instant::now();
        while collector.get("/health").is_err() {
            assert_eq!(collector.child.try_wait().unwrap(), None, "it ended");
            assert!(began.elapsed() < PATIENCE, "it does not serve");
        }
        collector
    }

    fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Ends it with SIGTERM; the exit status.
    fn end(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

#[test]
fn a_log_on_a_full_device_does_not_end_the_process() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let collector = Collector::start("full", full.into());
    assert!(collector.get("/health").unwrap().ends_with("healthy\n"));
    assert_eq!(collector.end(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_end_the_process() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let collector = Collector::start("unread", writer.into());
    assert!(collector.get("/health").unwrap().ends_with("healthy\n"));
    assert_eq!(collector.end(), Some(0));
}
