//! The collector as a process: its messages, its exit status, and the time until it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../shared/tests/support/served_addresses.rs"]
mod served_addresses;
mod web;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use collector::run::{self, Error, Wiring};
use shared::config::{Environment, Program};
use shared::tasks::{SignalRuntime, TaskFailure};
use tokio::time::Instant;

use served_addresses::served_addresses;

/// The longest time that the process may take to end, whatever the cause of its end.
const BOUND: Duration = Duration::from_secs(2);

/// A running collector, and a reader of its log, which is its stderr.
struct Collector {
    child: Child,
    address: SocketAddr,
    log: BufReader<ChildStderr>,
}

fn config(port: u16) -> String {
    format!(
        "[exporter]\nhttp_host = \"127.0.0.1\"\nhttp_port = {port}\n\
         [[clusters]]\nname = \"orders\"\nbootstrap_servers = \"127.0.0.1:1\"\n"
    )
}

/// Writes a configuration file with this name and text, and returns its path.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

fn command(file: &PathBuf) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_collector"));
    command.arg("--config").arg(file).env_remove("RUST_LOG");
    command
}

fn run_to_end(name: &str, text: &str) -> Output {
    command(&file(name, text)).output().unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Reads the log up to the line with these words, and returns what was read.
fn read_to(words: &str, log: &mut BufReader<ChildStderr>) -> String {
    let mut said = String::new();
    while !said.contains(words) {
        let n_read = log.read_line(&mut said).unwrap();
        assert_ne!(n_read, 0, "it ended:\n{said}");
    }
    said
}

// === impl Collector ===

impl Collector {
    /// Starts a collector, which takes a free port, and waits until it serves HTTP.
    fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    /// Starts a collector whose configuration also has these `tables`.
    fn start_with(name: &str, tables: &str) -> Self {
        let mut child = command(&file(name, &format!("{}{tables}", config(0))))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let said = read_to("Serving HTTP", &mut log);
        let address = served_addresses(&said).next().unwrap();
        Self {
            child,
            address,
            log,
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the end of the process, and returns the exit status, the rest of the log, and the time until the end.
    fn end(mut self) -> (Option<i32>, String, Duration) {
        let began = Instant::now();
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), rest, began.elapsed())
    }
}

#[test]
fn a_signal_ends_the_process_with_status_0() {
    for signal in ["TERM", "INT"] {
        let collector = Collector::start(&format!("signal_{signal}"));
        assert!(collector.get("/health").starts_with("HTTP/1.1 200"));
        assert!(collector.get("/ready").starts_with("HTTP/1.1 503"));
        assert!(collector.get("/leader").ends_with("{\"is_leader\":true}"));
        collector.signal(signal);
        let (status, log, took) = collector.end();
        assert_eq!(status, Some(0), "{log}");
        assert!(took < BOUND, "{took:?}");
        assert!(
            log.contains(&format!("Shutting down signal=\"SIG{signal}\"")),
            "{log}"
        );
    }
}

#[test]
fn a_request_that_never_ends_does_not_delay_the_end_of_the_process() {
    let collector = Collector::start("slow_request");
    let mut slow = TcpStream::connect(collector.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nho").unwrap();
    collector.get("/health");
    collector.signal("TERM");
    let (status, log, took) = collector.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(took < BOUND, "{took:?}");
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let mut collector = Collector::start("second_signal");
    let mut slow = TcpStream::connect(collector.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nho").unwrap();
    collector.get("/health");
    collector.signal("TERM");
    read_to("Shutting down", &mut collector.log);
    collector.signal("INT");
    let (status, log, took) = collector.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("Leaving at once"), "{log}");
    assert!(took < Duration::from_millis(700), "{took:?}");
}

#[test]
fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let output = run_to_end("port_in_use", &config(port));
    assert_eq!(output.status.code(), Some(64));
    let said = format!("cannot listen on 127.0.0.1:{port} (exporter.http_port): another process");
    assert!(stderr(&output).contains(&said), "{}", stderr(&output));
}

#[test]
fn a_bad_configuration_is_status_64_with_every_problem_on_stderr() {
    let text = config(8000).replace("http_port", "http_prot");
    let output = run_to_end("bad_config", &text);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("http_prot"), "{}", stderr(&output));
}

#[test]
fn a_bad_command_line_is_status_64_and_help_is_status_0() {
    let program = env!("CARGO_BIN_EXE_collector");
    for (argument, status) in [("--nonsense", 64), ("--help", 0), ("--version", 0)] {
        let output = Command::new(program).arg(argument).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{argument}");
    }
    let filter = command(&file("bad_filter", &config(0)))
        .args(["--log", "info,=="])
        .output()
        .unwrap();
    assert_eq!(filter.status.code(), Some(64), "{}", stderr(&filter));
}

#[test]
fn a_check_prints_the_effective_configuration_and_opens_no_port() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let file = file("check", &config(port));
    let output = command(&file).arg("--check").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("orders"), "{printed}");
}

#[test]
fn log_lines_are_json_where_that_is_configured() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let file = file("json", &config(port));
    let output = command(&file)
        .args(["--log-format", "json"])
        .output()
        .unwrap();
    assert!(stderr(&output).lines().count() >= 2, "{}", stderr(&output));
    for line in stderr(&output).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
}

/// Runs the collector in this process, with the task that `part` makes in the place of those that collect.
fn run_with(part: impl FnOnce(Wiring) -> run::NamedTask) -> Result<(), Error> {
    let env = Environment::default();
    let loaded = shared::config::parse(&config(0), "test", Program::Collector, &env).unwrap();
    run::run(
        SignalRuntime::start().unwrap(),
        loaded.config,
        None,
        |wiring| vec![part(wiring)],
    )
}

#[test]
fn a_task_that_panics_ends_the_process_under_its_name() {
    let broken = async {
        std::panic::panic_any("no such row");
        #[expect(unreachable_code, reason = "the task's type needs a value")]
        Ok(())
    };
    let error = run_with(|_| ("cluster orders".into(), Box::pin(broken))).unwrap_err();
    assert!(
        matches!(error, Error::Task(TaskFailure::Panicked { .. })),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "task cluster orders panicked: no such row"
    );
}

#[test]
fn a_task_that_blocks_its_thread_and_one_that_fails_end_the_process_in_time() {
    let began = Instant::now();
    let (_held, blocks) = std::sync::mpsc::channel::<()>();
    let env = Environment::default();
    let loaded = shared::config::parse(&config(0), "test", Program::Collector, &env).unwrap();
    let parts = |_: Wiring| -> Vec<run::NamedTask> {
        vec![
            ("blocks".into(), Box::pin(async move { Ok(blocks.recv()?) })),
            ("fails".into(), Box::pin(async { anyhow::bail!("wedged") })),
        ]
    };
    let error = run::run(SignalRuntime::start().unwrap(), loaded.config, None, parts).unwrap_err();
    assert_eq!(error.to_string(), "task fails failed");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}
