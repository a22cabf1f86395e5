//! Tests that no text of kubeconfigs, credential plugins and API servers reaches the elector's log, answers or metrics, and
//! that no such text delays the elector or makes its memory grow.

#![cfg(feature = "kubernetes")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

mod fixture;
#[path = "../../../shared/tests/support/served_addresses.rs"]
mod served_addresses;

use fixture::{Elector, MEMORY, SECRET, http, kubeconfig, plugin, scratch, server};

#[test]
fn a_mistake_in_a_kubeconfig_is_reported_by_its_place() {
    let good = kubeconfig("http://127.0.0.1:1", &format!("    token: {SECRET}\n"));
    for (name, text) in [
        ("yaml", format!("{good}   {SECRET}: [\n")),
        ("shape", format!("{good}extensions: {SECRET}\n")),
    ] {
        let elector = Elector::with(name, &text);
        let label = elector.says("the kubeconfig is not what a kubeconfig is, at line ");
        assert!(label.contains("detail=\"kubeconfig\""), "{label}");
        elector.end();
    }
    let elsewhere = good.replace("current-context: c", &format!("current-context: {SECRET}"));
    let elector = Elector::with("context", &elsewhere);
    elector.says("no context of the name that current-context says");
    elector.end();
}

#[test]
fn a_credential_plugin_that_fails_is_reported_by_its_exit_status() {
    for (name, script, words) in [
        ("exit", "; exit 3", "failed: exit status: 3"),
        ("signal", "; kill -9 $$", "failed: signal: 9 (SIGKILL)"),
        ("rubbish", "", "printed no credential"),
    ] {
        let script = format!("echo {SECRET}; echo {SECRET} >&2{script}");
        let elector = Elector::with(name, &plugin(&script));
        let label = elector.says(&format!("the credential plugin of the kubeconfig {words}"));
        assert!(label.contains("detail=\"plugin\""), "{label}");
        elector.end();
    }
    let missing = plugin("").replace("command: sh", &format!("command: /nowhere/{SECRET}"));
    let elector = Elector::with("missing", &missing);
    elector.says("the credential plugin of the kubeconfig cannot be started: entity not found");
    elector.end();
}

#[test]
fn a_credential_plugin_that_never_ends_delays_neither_answers_nor_the_end() {
    let elector = Elector::with("hanging", &plugin("exec sleep 30"));
    elector.says("has not ended for 10 s");
    assert!(elector.get("/health").unwrap().starts_with("HTTP/1.1 200"));
    elector.end();
}

#[test]
fn a_kubeconfig_that_is_a_pipe_does_not_delay_the_end() {
    let dir = scratch("pipe");
    let pipe = dir.join("kubeconfig");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let elector = Elector::start(&dir, &pipe);
    elector.says("Serving HTTP");
    elector.end();
}

#[test]
fn long_answers_with_errors_are_neither_repeated_nor_kept() {
    let long = SECRET.repeat((3 << 20) / SECRET.len());
    let status = |code: u16, reason: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Status","metadata":{{}},"status":"Failure","message":"User cannot patch {long}","reason":"{reason}","code":{code}}}"#
        )
    };
    let json = "application/json";
    for (name, answer, words) in [
        (
            "503",
            http("503 Busy", json, &status(503, SECRET)),
            "was answered 503",
        ),
        (
            "403",
            http("403 No", json, &status(403, "Forbidden")),
            "get is not allowed",
        ),
        (
            "502",
            http("502 Bad Gateway", "text/html", &long),
            "was answered 502",
        ),
        (
            "200",
            http("200 OK", json, &format!("{{\"spec\":\"{long}\"}}")),
            "an answer is too long to be about a Lease",
        ),
        (
            "wrong",
            http("200 OK", json, &format!("{{\"spec\":\"{SECRET}\"}}")),
            "an answer is not as Kubernetes writes it",
        ),
    ] {
        let url = server(answer);
        let elector = Elector::with(name, &kubeconfig(&url, &format!("    token: {SECRET}\n")));
        elector.says(words);
        let memory = elector.memory();
        println!("{name}: {} KiB", memory >> 10);
        assert!(memory < MEMORY, "{name}: {memory} bytes");
        elector.end();
    }
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    for head in ["200 OK", "500 Broken"] {
        let mut answer = format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\n\r\n");
        answer.push_str(&SECRET.repeat((64 << 20) / SECRET.len()));
        let url = server(answer.into_bytes());
        let name = format!("endless_{}", &head[..3]);
        let elector = Elector::with(&name, &kubeconfig(&url, "    {}\n"));
        elector.says("Trouble in the election");
        let memory = elector.memory();
        println!("{head}: {} KiB", memory >> 10);
        assert!(memory < MEMORY, "{head}: {memory} bytes");
        elector.end();
    }
}
