//! How the collector ends: when it is asked to, whatever it waits for.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::world::{
    Collector, PATIENCE, PROGRAM, begun, ended, file, free_port, full_pipe, named_pipe, send, sleep,
};

#[test]
fn a_signal_while_the_configuration_is_waited_for_ends_the_process_with_status_0() {
    let pipe = named_pipe("early");
    // Nobody opens the pipe.
    let mut child = begun(&pipe);
    send("TERM", &child);
    assert_eq!(ended(&mut child), Some(0));
    // Somebody does, and writes nothing.
    let mut child = begun(&pipe);
    let (sender, opened) = channel();
    std::thread::spawn(move || sender.send(File::options().write(true).open(pipe)));
    let writer = opened.recv_timeout(PATIENCE).unwrap().unwrap();
    send("HUP", &child);
    assert_eq!(ended(&mut child), Some(0));
    drop(writer);
}

#[test]
fn a_configuration_from_a_pipe_is_taken() {
    let pipe = named_pipe("pipe");
    let mut child = begun(&pipe);
    let text = std::fs::read(file("pipe", free_port())).unwrap();
    std::fs::write(&pipe, [&text[..], b"\nnonsense"].concat()).unwrap();
    assert_eq!(ended(&mut child), Some(64), "it is read and refused");
}

#[test]
fn every_signal_that_asks_for_an_end_gets_an_orderly_one_and_the_log_says_which() {
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        let log = file(&format!("signal_{signal}.log"), 0);
        // Whoever runs the tests may ignore some.
        let mut command = Command::new("env");
        command.args(["--default-signal", PROGRAM]);
        let written = File::create(&log).unwrap();
        let mut program = Collector::run(&format!("signal_{signal}"), command, written.into());
        send(signal, &program.child);
        assert_eq!(ended(&mut program.child), Some(0), "SIG{signal}");
        let said = std::fs::read_to_string(&log).unwrap();
        let right = format!("Shutting down signal=\"SIG{signal}\"");
        assert!(said.contains(&right), "{said}");
    }
}

#[test]
fn a_process_that_is_to_survive_its_terminal_does() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", PROGRAM]);
    let mut program = Collector::run("nohup", shell, Stdio::null());
    send("HUP", &program.child);
    sleep(Duration::from_millis(300));
    assert!(program.get("/health").unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(program.end(), Some(0));
}

#[test]
fn a_refusal_that_nobody_reads_ends_the_process_all_the_same() {
    let (reader, log) = full_pipe();
    let mut child = Command::new(PROGRAM)
        .args(["--config", "/nowhere/config.toml"])
        .stderr(log)
        .spawn()
        .unwrap();
    assert_eq!(ended(&mut child), Some(64));
    drop(reader);
}
