//! The elector as a process: its output, its exit status, and the time that its end takes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// The longest time that the end may take if nothing is granted and nothing is held.
const AT_ONCE: Duration = Duration::from_secs(1);

const ALONE: &str = "enabled = false";
const ELECTED: &str = "enabled = true\nidentity = \"pod-a\"";

/// A running elector, and its log.
struct Elector {
    child: Child,
    address: SocketAddr,
    log: BufReader<ChildStderr>,
    said: String,
}

fn config(leadership: &str, port: u16) -> String {
    format!("[exporter.leadership]\n{leadership}\nlisten = \"127.0.0.1:{port}\"\n")
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// Writes the configuration file of the test `name`.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("elector_{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

fn command(file: &PathBuf) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elector"));
    command.arg("--config").arg(file).env("HOSTNAME", "pod-h");
    for variable in ["RUST_LOG", "POD_UID", "POD_NAME", "KUBERNETES_SERVICE_HOST"] {
        command.env_remove(variable);
    }
    // The person who runs this test may have a kubeconfig, which must not be used.
    command
        .env("KUBECONFIG", "/nowhere")
        .env("HOME", "/nowhere");
    command
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

// === impl Elector ===

impl Elector {
    /// Starts an elector on a free port, and waits until it serves.
    fn start(name: &str, leadership: &str) -> Self {
        let port = free_port();
        let file = file(name, &config(leadership, port));
        let mut child = command(&file).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut elector = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            log,
            said: String::new(),
        };
        elector.wait_for(&format!("Serving HTTP address=127.0.0.1:{port}"));
        elector
    }

    fn wait_for(&mut self, words: &str) {
        while !self.said.contains(words) {
            let n_read = self.log.read_line(&mut self.said).unwrap();
            assert_ne!(n_read, 0, "it ended: {}", self.said);
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = self.begin(path);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a request, and does not wait for the answer.
    fn begin(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end. Returns the exit status, the log, and the time that the end took.
    fn end(mut self) -> (Option<i32>, String, Duration) {
        let began = Instant::now();
        self.log.read_to_string(&mut self.said).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), self.said, began.elapsed())
    }
}

#[test]
fn without_an_election_everybody_is_granted() {
    let elector = Elector::start("alone", ALONE);
    assert!(elector.said.contains("leader election is disabled"));
    let poll = "/?consumer=pod-h&instance=x&seq=1&healthy=true&gate=closed&wait_ms=200";
    for path in ["/leader", poll] {
        let answer = elector.get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.ends_with(concat!(
                r#"{"is_leader":true,"identity":"pod-h","name":"pod-h","term":0,"#,
                r#""valid_for_ms":5000,"state":"single-instance","reason":"disabled"}"#
            )),
            "{answer}"
        );
    }
    let counted = r#"kafka_lag_exporter_elector_answers_total{result="granted"} 2"#;
    assert!(elector.get("/metrics").contains(counted));
    elector.signal("TERM");
    assert_eq!(elector.end().0, Some(0));
}

#[test]
fn a_signal_ends_the_process_with_status_0_and_a_held_answer_with_false() {
    for signal in ["TERM", "INT"] {
        let mut elector = Elector::start(&format!("signal_{signal}"), ALONE);
        assert!(elector.get("/health").starts_with("HTTP/1.1 200"));
        let poll = "/?consumer=pod-h&instance=x&seq=1&healthy=true&gate=open&wait_ms=2000";
        let mut held = elector.begin(poll);
        elector.get("/health");
        elector.signal(signal);
        let mut answer = String::new();
        held.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(r#""is_leader":false"#), "{answer}");
        assert!(answer.contains(r#""reason":"shutting_down""#), "{answer}");
        elector.wait_for(&format!("Shutting down signal=\"SIG{signal}\""));
        let (status, log, took) = elector.end();
        assert_eq!(status, Some(0), "{log}");
        assert!(took < AT_ONCE, "{took:?}");
    }
}

#[test]
fn an_unfinished_request_does_not_delay_the_end_of_the_process() {
    let elector = Elector::start("slow_request", ALONE);
    let mut slow = TcpStream::connect(elector.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nho").unwrap();
    elector.get("/health");
    elector.signal("TERM");
    let (status, log, took) = elector.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(took < AT_ONCE, "{took:?}");
}

#[test]
fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().port();
    let other = format!("{ALONE}\ntelemetry_listen = \"127.0.0.1:{taken}\"");
    for (key, text) in [
        ("listen", config(ALONE, taken)),
        ("telemetry_listen", config(&other, free_port())),
    ] {
        let output = command(&file("port_in_use", &text)).output().unwrap();
        assert_eq!(output.status.code(), Some(64));
        let said =
            format!("cannot listen on 127.0.0.1:{taken} (exporter.leadership.{key}): another");
        assert!(stderr(&output).contains(&said), "{}", stderr(&output));
    }
}

#[test]
fn a_bad_configuration_or_command_line_is_status_64_and_help_is_status_0() {
    let text = config(ALONE, 8001).replace("listen", "lisen");
    let output = command(&file("bad", &text)).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("lisen"), "{}", stderr(&output));

    let program = env!("CARGO_BIN_EXE_elector");
    for (argument, status) in [("--nonsense", 64), ("--help", 0), ("--version", 0)] {
        let output = Command::new(program).arg(argument).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{argument}");
    }
    let output = command(&file("bad_filter", &config(ALONE, 0)))
        .args(["--log", "info,=="])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
}

#[test]
fn a_check_prints_the_effective_configuration_and_opens_no_port() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let file = file("check", &config(ELECTED, port));
    let output = command(&file).arg("--check").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("identity = \"pod-a\""), "{printed}");
}

#[test]
fn the_telemetry_address_serves_health_and_metrics_only() {
    let port = free_port();
    let leadership = format!("{ALONE}\ntelemetry_listen = \"127.0.0.1:{port}\"");
    let mut elector = Elector::start("telemetry", &leadership);
    elector.wait_for(&format!("Serving HTTP address=127.0.0.1:{port}"));
    elector.address.set_port(port);
    assert!(elector.get("/health").starts_with("HTTP/1.1 200"));
    assert!(
        elector
            .get("/metrics")
            .contains("kafka_lag_exporter_elector_state")
    );
    assert!(elector.get("/leader").starts_with("HTTP/1.1 404"));
    elector.signal("TERM");
    assert_eq!(elector.end().0, Some(0));
}

#[cfg(feature = "kubernetes")]
mod with_an_election {
    use super::*;

    #[test]
    fn without_a_cluster_the_elector_reports_it_stays_up_and_ends_at_a_signal() {
        let elector = Elector::start("no_cluster", ELECTED);
        let began = Instant::now();
        let answer = loop {
            let answer = elector.get("/leader");
            if !answer.contains(r#""state":"starting""#) || began.elapsed() > 2 * AT_ONCE {
                break answer;
            }
        };
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.contains(r#""state":"blocked","reason":"api_unreachable""#),
            "{answer}"
        );
        assert!(elector.get("/health").starts_with("HTTP/1.1 200"));
        elector.signal("TERM");
        let (status, log, took) = elector.end();
        assert_eq!(status, Some(0), "{log}");
        assert!(
            log.contains("WARN klag_exporter::leadership::kubernetes: "),
            "{log}"
        );
        assert!(took < AT_ONCE, "{took:?}");
    }

    #[test]
    fn a_second_signal_ends_the_process_at_once() {
        let mut elector = Elector::start("second_signal", ELECTED);
        let poll = "/?consumer=pod-a&instance=x&seq=1&healthy=true&gate=open&wait_ms=0";
        elector.get(poll);
        elector.signal("TERM");
        // The elector waits for the full grant that an earlier process may have given.
        elector.wait_for("Grants nothing any more");
        elector.signal("INT");
        let (status, log, took) = elector.end();
        assert_eq!(status, Some(0), "{log}");
        assert!(log.contains("Leaving at once"), "{log}");
        assert!(took < AT_ONCE, "{took:?}");
    }
}

#[cfg(not(feature = "kubernetes"))]
mod without_the_feature {
    use super::*;

    #[test]
    fn an_election_that_is_not_compiled_in_causes_a_warning_and_single_instance_mode() {
        let elector = Elector::start("no_feature", ELECTED);
        let warning = "Kubernetes leadership is enabled in config but the 'kubernetes' feature is not compiled in. \
                       Falling back to single-instance mode.";
        let line = elector.said.lines().find(|line| line.contains(" WARN "));
        assert!(
            line.is_some_and(|line| line.ends_with(warning)),
            "{}",
            elector.said
        );
        let answer = elector.get("/leader");
        assert!(
            answer.ends_with(concat!(
                r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":0,"#,
                r#""valid_for_ms":5000,"state":"single-instance","reason":"feature_missing"}"#
            )),
            "{answer}"
        );
        elector.signal("TERM");
        assert_eq!(elector.end().0, Some(0));
    }
}
