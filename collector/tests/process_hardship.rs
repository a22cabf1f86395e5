//! The collector as a process that has it hard: nobody reads its log, and too many want to talk to it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_collector");

/// How long a probe waits for its answer, as the kubelet does by default.
const PROBE: Duration = Duration::from_secs(1);

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
        Self::run(name, Command::new(PROGRAM), log)
    }

    /// Starts one that may have so many file descriptors.
    fn with_descriptors(name: &str, n: u32, log: Stdio) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {n} && exec \"$0\" \"$@\"");
        shell.args(["-c", &script, PROGRAM]);
        Self::run(name, shell, log)
    }

    fn run(name: &str, mut command: Command, log: Stdio) -> Self {
        let port = free_port();
        let child = command
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

    /// Connections on which a request begins and does not go on.
    fn half_open(&self, n: usize) -> Vec<TcpStream> {
        let mut streams = Vec::new();
        for _ in 0..n {
            let mut stream = TcpStream::connect(self.address).unwrap();
            // Some are closed before they have said anything.
            stream.write_all(b"GET / HTTP/1.1\r\nho").ok();
            streams.push(stream);
        }
        streams
    }

    /// Asks for `/health` as a probe does.
    fn assert_healthy(&self) {
        let began = Instant::now();
        let answer = self.get("/health").unwrap();
        assert!(answer.ends_with("healthy\n"), "{answer}");
        assert!(began.elapsed() < PROBE, "{:?}", began.elapsed());
    }

    /// Ends it with SIGTERM; the exit status.
    fn end(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind. It has ended where the test has not failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_log_on_a_full_device_does_not_end_the_process() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut collector = Collector::start("full", full.into());
    assert!(collector.get("/health").unwrap().ends_with("healthy\n"));
    assert_eq!(collector.end(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_end_the_process() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut collector = Collector::start("unread", writer.into());
    assert!(collector.get("/health").unwrap().ends_with("healthy\n"));
    assert_eq!(collector.end(), Some(0));
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
fn properties_that_librdkafka_refuses_are_status_64_from_the_start_and_in_a_check() {
    let path = file("properties", 0);
    let text = std::fs::read_to_string(&path).unwrap();
    let properties = "[clusters.consumer_properties]\n\"sasl.pasword\" = \"hunter2\"\n";
    std::fs::write(&path, text + properties).unwrap();
    for arguments in [&[][..], &["--check"], &["--check", "--connect"]] {
        let mut command = Command::new(PROGRAM);
        let output = command.arg("--config").arg(&path).args(arguments).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let named = format!(
            "{}: clusters.consumer_properties of cluster orders: ",
            path.display()
        );
        assert!(said.starts_with(&named), "{said}");
        assert!(said.contains("\"sasl.pasword\""), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
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

#[test]
fn clients_that_never_finish_their_requests_do_not_keep_probes_from_being_answered() {
    let mut collector = Collector::with_descriptors("half_open", 320, Stdio::null());
    let mut held = Vec::new();
    for _ in 0..4 {
        held.extend(collector.half_open(100));
        collector.assert_healthy();
    }
    let descriptors = format!("/proc/{}/fd", collector.child.id());
    let n_open = std::fs::read_dir(descriptors).unwrap().count();
    assert!(
        n_open < 310,
        "{n_open} are too many to connect to Kafka as well"
    );
    assert_eq!(collector.end(), Some(0));
}

#[test]
fn without_file_descriptors_probes_are_answered_and_the_log_says_so_once() {
    let log = file("no_descriptors.log", 0);
    let written = File::create(&log).unwrap();
    let mut collector = Collector::with_descriptors("no_descriptors", 60, written.into());
    let held = collector.half_open(100);
    for _ in 0..3 {
        collector.assert_healthy();
    }
    drop(held);
    assert_eq!(collector.end(), Some(0));
    let said = std::fs::read_to_string(&log).unwrap();
    let n_told = said.matches("Cannot accept connections").count();
    assert_eq!(n_told, 1, "{said}");
}
