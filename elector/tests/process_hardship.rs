//! The elector as a process that has it hard: nobody reads its log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_elector");

/// How long it may take to serve.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running elector.
struct Elector {
    child: Child,
    address: SocketAddr,
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// A configuration file of its own for `name`.
fn file(name: &str, port: u16) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("elector_hardship_{name}.toml"));
    let text = format!("[exporter.leadership]\nenabled = false\nlisten = \"127.0.0.1:{port}\"\n");
    std::fs::write(&path, text).unwrap();
    path
}

// === impl Elector ===

impl Elector {
    /// Starts one on a free port that logs to `log`, and waits until it serves.
    fn start(name: &str, log: Stdio) -> Self {
        let port = free_port();
        let child = Command::new(PROGRAM)
            .arg("--config")
            .arg(file(name, port))
            .args(["--log", "debug"])
            .env("HOSTNAME", "pod-h")
            .stderr(log)
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut elector = Self { child, address };
        let began = Instant::now();
        while elector.get("/health").is_err() {
            assert_eq!(elector.child.try_wait().unwrap(), None, "it ended");
            assert!(began.elapsed() < PATIENCE, "it does not serve");
        }
        elector
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
    fn end(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Elector {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind. It has ended where the test has not failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_log_on_a_full_device_does_not_end_the_process() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut elector = Elector::start("full", full.into());
    assert!(elector.get("/health").unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(elector.end(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_end_the_process() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut elector = Elector::start("unread", writer.into());
    assert!(elector.get("/health").unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(elector.end(), Some(0));
}

#[test]
fn a_signal_while_the_process_still_begins_ends_it_with_status_0() {
    let text = file("early", 0);
    let pipe = text.with_extension("pipe");
    std::fs::remove_file(&pipe).ok();
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut child = Command::new(PROGRAM)
        .arg("--config")
        .arg(&pipe)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Opened when the process reads its configuration; it comes no further before it has it.
    let (sender, opened) = channel();
    std::thread::spawn(move || sender.send(File::options().write(true).open(pipe)));
    let mut written = opened.recv_timeout(PATIENCE).unwrap().unwrap();
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
    assert!(sent.unwrap().success());
    written.write_all(&std::fs::read(text).unwrap()).unwrap();
    drop(written);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_check_refuses_the_log_filter_that_a_run_refuses() {
    let path = file("filter", 0);
    for arguments in [&[][..], &["--check"]] {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(&path).args(arguments);
        let output = command.args(["--log", "foo=bar=baz"]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
    }
}
