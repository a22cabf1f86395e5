//! The elector's `telemetry_listen` with a web configuration.

use std::path::PathBuf;

use crate::fixture::{ALONE, Elector, TELEMETRY, command, config, file, stderr};

/// The section with the user "prom", who has the password "hunter2".
const USERS: &str =
    "basic_auth_users:\n  prom: $2y$04$bzSCVpV/VYDcnU9ZCxJXeOCpejkhpgdD2Cp7YL51Jsrb0iv/xC4ay\n";

/// Writes the web configuration of the test `name`. Returns the table `[exporter.web]` that names it.
fn web(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("elector_{name}.yml"));
    std::fs::write(&path, text).unwrap();
    format!("[exporter.web]\nconfig_file = \"{}\"\n", path.display())
}

#[test]
fn a_password_is_asked_for_where_others_reach_the_elector_and_not_on_loopback() {
    let leadership = format!("{ALONE}\ntelemetry_listen = \"{TELEMETRY}:0\"");
    let table = web("password", USERS);
    let mut elector = Elector::start_with("web", &leadership, &table);
    let consumer = elector.address;
    let telemetry = elector.wait_for_address(TELEMETRY);
    elector.wait_for(&format!(
        "Serving HTTP address={telemetry} asks_for=password"
    ));
    elector.wait_for(&format!("Serving HTTP address={consumer} asks_for=nothing"));
    elector.address = telemetry;
    assert!(elector.get("/health").starts_with("HTTP/1.1 200"));
    assert!(elector.get("/metrics").starts_with("HTTP/1.1 401"));
    elector.address = consumer;
    assert!(elector.get("/leader").starts_with("HTTP/1.1 200"));
    let refused = r#"kafka_lag_exporter_elector_http_refused_total{reason="password"} 1"#;
    assert!(elector.get("/metrics").contains(refused));
    elector.signal("TERM");
    assert_eq!(elector.end().0, Some(0));
}

#[test]
fn a_web_configuration_that_cannot_be_used_is_status_64_where_it_has_an_effect() {
    let table = web("broken", "basic_auth_users:\n  prom: hunter2\n");
    for (name, telemetry, status) in [
        ("web_broken", "telemetry_listen = \"127.0.0.1:0\"\n", 64),
        ("web_unused", "", 0),
    ] {
        let text = format!("{}{telemetry}{table}", config(ALONE, 0));
        let output = command(&file(name, &text)).arg("--check").output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        let said = "elector_broken.yml:2: basic_auth_users.prom: not the bcrypt hash";
        assert_eq!(
            stderr(&output).contains(said),
            status == 64,
            "{}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains("hunter2"));
    }
}
