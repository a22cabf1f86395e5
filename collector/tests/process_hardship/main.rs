//! The collector as a process that has it hard: nobody reads its log, and too many want to talk to it.

#![expect(unreachable_pub, reason = "modules of one test")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

mod signals;
mod world;

use world::{Collector, PATIENCE, PROGRAM, file, full_pipe, sleep};

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
fn a_reader_of_the_log_that_has_stopped_stops_nothing_else() {
    let (reader, log) = full_pipe();
    let mut collector = Collector::start("stopped", log);
    let began = Instant::now();
    let n_before = collector.n_collections();
    while collector.n_collections() < n_before + 3 {
        collector.assert_healthy();
        assert!(began.elapsed() < 2 * PATIENCE, "nothing is collected");
        sleep(Duration::from_millis(100));
    }
    assert_eq!(collector.end(), Some(0));
    drop(reader);
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
