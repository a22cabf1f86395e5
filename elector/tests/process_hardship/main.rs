//! The elector as a process that has it hard: nobody reads its log.

#![expect(unreachable_pub, reason = "modules of one test")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::net::TcpListener;
use std::process::Command;

mod signals;
mod world;

use world::{Elector, PROGRAM, file, free_port, full_pipe};

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

#[test]
fn an_address_that_others_reach_is_a_warning_from_the_start_and_in_a_check() {
    let port = free_port();
    let path = file("exposed", port);
    let text = format!(
        "[exporter.leadership]\nenabled = true\nidentity = \"pod-a\"\nlisten = \"0.0.0.0:{port}\"\n"
    );
    std::fs::write(&path, text).unwrap();
    let said = format!("0.0.0.0:{port} is no loopback address");
    let command = |option: Option<&str>| {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(&path).args(option);
        // Where there is no cluster, whoever runs this may still have a kubeconfig.
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

    // What has the port already: the elector warns, and then ends.
    let _held = TcpListener::bind(("0.0.0.0", port)).unwrap();
    let run = command(None).output().unwrap();
    assert_eq!(run.status.code(), Some(64));
    let told = String::from_utf8(run.stderr).unwrap();
    assert!(told.contains("WARN") && told.contains(&said), "{told}");
}
