//! The elector as a process that has it hard: nobody reads its log.

#![expect(unreachable_pub, reason = "modules of one test")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::process::Command;

mod signals;
mod world;

use world::{Elector, PROGRAM, file, full_pipe};

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
fn a_reader_of_the_log_that_has_stopped_stops_nothing_else() {
    let (reader, log) = full_pipe();
    let mut elector = Elector::start("stopped", log);
    for _ in 0..10 {
        let answer = elector.get("/leader").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(elector.end(), Some(0));
    drop(reader);
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
