//! Both programs under hardship: their logs are not read, and too many clients connect.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use e2e::lab::pause;
use e2e::lab::programs::Program;
use tokio::time::Instant;

mod running;
mod signals;

use running::{BOTH, START_LIMIT, Subject, full_pipe};

#[test]
fn a_log_on_a_full_device_does_not_end_the_process() {
    for subject in BOTH.map(Subject::new) {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut running = subject.start(full.into());
        running.assert_healthy();
        assert_eq!(running.end(), Some(0));
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_end_the_process() {
    for subject in BOTH.map(Subject::new) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut running = subject.start(writer.into());
        running.assert_healthy();
        assert_eq!(running.end(), Some(0));
    }
}

#[test]
fn a_reader_of_the_log_that_has_stopped_stops_nothing_else() {
    let (reader, log) = full_pipe();
    let mut elector = Subject::new(Program::Elector).start(log);
    for _ in 0..10 {
        let answer = elector.get("/leader").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(elector.end(), Some(0));
    drop(reader);

    let (reader, log) = full_pipe();
    let mut collector = Subject::new(Program::Collector).start(log);
    let began = Instant::now();
    let n_before = collector.n_collections();
    while collector.n_collections() < n_before + 3 {
        collector.assert_healthy();
        assert!(began.elapsed() < 2 * START_LIMIT, "nothing is collected");
        pause(Duration::from_millis(100));
    }
    assert_eq!(collector.end(), Some(0));
    drop(reader);
}

#[test]
fn properties_that_librdkafka_refuses_are_status_64_from_the_start_and_in_a_check() {
    let collector = Subject::new(Program::Collector);
    let path = collector.config(0);
    let text = std::fs::read_to_string(&path).unwrap();
    let properties = "[clusters.consumer_properties]\n\"sasl.pasword\" = \"hunter2\"\n";
    std::fs::write(&path, text + properties).unwrap();
    for arguments in [&[][..], &["--check"], &["--check", "--connect"]] {
        let mut command = Command::new(collector.path());
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
    for subject in BOTH.map(Subject::new) {
        let path = subject.config(0);
        for arguments in [&[][..], &["--check"]] {
            let mut command = Command::new(subject.path());
            command.arg("--config").arg(&path).args(arguments);
            let output = command.args(["--log", "foo=bar=baz"]).output().unwrap();
            assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        }
    }
}

#[test]
fn an_address_that_others_reach_is_a_warning_from_the_start_and_in_a_check() {
    let elector = Subject::new(Program::Elector);
    // Another listener has the port, which a check does not try to open.
    let held = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let path = elector.config(port);
    let text = format!(
        "[exporter.leadership]\nenabled = true\nidentity = \"pod-a\"\nlisten = \"0.0.0.0:{port}\"\n"
    );
    std::fs::write(&path, text).unwrap();
    let said = format!("0.0.0.0:{port} is no loopback address");
    let command = |option: Option<&str>| {
        let mut command = Command::new(elector.path());
        command.arg("--config").arg(&path).args(option);
        // The variables hide a kubeconfig that the person who runs the test may have.
        command
            .env("KUBECONFIG", "/nowhere")
            .env("HOME", "/nowhere");
        command.env_remove("RUST_LOG");
        command
    };
    let checked = command(Some("--check")).output().unwrap();
    assert_eq!(checked.status.code(), Some(0));
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(told.contains(&said), "{told}");

    // A run warns, and then ends because of the other listener.
    let run = command(None).output().unwrap();
    assert_eq!(run.status.code(), Some(64));
    let told = String::from_utf8(run.stderr).unwrap();
    assert!(told.contains("WARN") && told.contains(&said), "{told}");
}

#[test]
fn clients_that_never_finish_their_requests_do_not_keep_probes_from_being_answered() {
    let collector = Subject::new(Program::Collector);
    let log = collector.log_file();
    let mut collector = collector.with_descriptors(320, log);
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
    let collector = Subject::new(Program::Collector);
    let log = collector.log_file();
    let mut collector = collector.with_descriptors(60, log);
    let held = collector.half_open(100);
    for _ in 0..3 {
        collector.assert_healthy();
    }
    drop(held);
    assert_eq!(collector.end(), Some(0));
    let said = collector.log();
    let n_told = said.matches("Cannot accept connections").count();
    assert_eq!(n_told, 1, "{said}");
}
