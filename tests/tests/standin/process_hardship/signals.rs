//! Both programs end when they are asked to, whatever they are waiting for.

use std::fs::File;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use e2e::lab::pause;

use super::running::{BOTH, START_LIMIT, Subject, ended, full_pipe, send};

#[test]
fn a_signal_while_the_configuration_is_waited_for_ends_the_process_with_status_0() {
    for subject in BOTH.map(Subject::new) {
        let pipe = subject.named_pipe();
        // No process opens the pipe for writing.
        let mut child = subject.begin(&pipe);
        send("TERM", &child);
        assert_eq!(ended(&mut child), Some(0));
        // A process opens the pipe, but writes nothing.
        let mut child = subject.begin(&pipe);
        let (sender, opened) = channel();
        std::thread::spawn(move || sender.send(File::options().write(true).open(pipe)));
        let writer = opened.recv_timeout(START_LIMIT).unwrap().unwrap();
        send("HUP", &child);
        assert_eq!(ended(&mut child), Some(0));
        drop(writer);
    }
}

#[test]
fn a_configuration_from_a_pipe_is_taken() {
    for subject in BOTH.map(Subject::new) {
        let pipe = subject.named_pipe();
        let mut child = subject.begin(&pipe);
        let text = std::fs::read(subject.config(0)).unwrap();
        std::fs::write(&pipe, [&text[..], b"\nnonsense"].concat()).unwrap();
        assert_eq!(ended(&mut child), Some(64), "it is read and refused");
    }
}

#[test]
fn every_signal_that_asks_for_an_end_gets_an_orderly_one_and_the_log_says_which() {
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        for subject in BOTH.map(Subject::new) {
            let log = subject.log_file();
            let command = subject.with_default_signals();
            let mut running = subject.run(command, log);
            send(signal, &running.child);
            assert_eq!(ended(&mut running.child), Some(0), "SIG{signal}");
            let said = running.log();
            let right = format!("Shutting down signal=\"SIG{signal}\"");
            assert!(said.contains(&right), "{said}");
        }
    }
}

#[test]
fn a_process_that_is_to_survive_its_terminal_does() {
    for subject in BOTH.map(Subject::new) {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
            .arg(subject.path());
        let log = subject.log_file();
        let mut running = subject.run(shell, log);
        send("HUP", &running.child);
        pause(Duration::from_millis(300));
        assert!(running.get("/health").unwrap().starts_with("HTTP/1.1 200"));
        assert_eq!(running.end(), Some(0));
    }
}

#[test]
fn a_refusal_that_nobody_reads_ends_the_process_all_the_same() {
    for subject in BOTH.map(Subject::new) {
        let (reader, log) = full_pipe();
        let mut child = Command::new(subject.path())
            .args(["--config", "/nowhere/config.toml"])
            .stderr(log)
            .spawn()
            .unwrap();
        assert_eq!(ended(&mut child), Some(64));
        drop(reader);
    }
}
