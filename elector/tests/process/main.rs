//! Tests of the elector as a process: its output, its exit status, and the time that its end takes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

mod election;
mod fixture;
#[path = "../../../shared/tests/support/served_addresses.rs"]
mod served_addresses;
mod web;

use fixture::{ALONE, AT_ONCE, ELECTED, Elector, TELEMETRY, command, config, file, stderr};

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
        ("telemetry_listen", config(&other, 0)),
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
    let leadership = format!("{ALONE}\ntelemetry_listen = \"{TELEMETRY}:0\"");
    let mut elector = Elector::start("telemetry", &leadership);
    elector.address = elector.wait_for_address(TELEMETRY);
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
