use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::config::{ConfigError, ConfigProblem};

use super::settings::{self, Settings};
use super::users::Users;

mod good;

/// The hash of the password "hunter2", with the lowest cost of bcrypt.
const HASH: &str = "$2y$04$bzSCVpV/VYDcnU9ZCxJXeOCpejkhpgdD2Cp7YL51Jsrb0iv/xC4ay";

/// Makes users with these names and passwords. The hashes have the lowest cost, so comparing is quick.
pub(super) fn users(given: &[(&str, &str)]) -> Users {
    let hashed = given.iter().map(|(name, password)| {
        let hash = bcrypt::hash(password, 4).expect("a good cost");
        format!("  {name}: {hash}\n")
    });
    let text = format!("basic_auth_users:\n{}", hashed.collect::<String>());
    parse(&text).expect("good users").users
}

/// Writes a web configuration with a user to a file for the test `name`, and returns its path.
pub(super) fn users_file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("klag-web-{}-{name}.yml", std::process::id()));
    std::fs::write(&path, format!("basic_auth_users:\n  prom: {HASH}\n")).unwrap();
    path
}

fn parse(text: &str) -> Result<Settings, Vec<ConfigProblem>> {
    settings::parse(&text.replace("HASH", HASH), Path::new("/etc/web"))
}

/// Returns the bad files of `bad.txt`: the title, the text, and the messages about the file.
fn bad_files() -> Vec<(&'static str, &'static str, String)> {
    let cases = include_str!("tests/bad.txt").split("=== ").skip(1);
    let cases = cases.map(|case| {
        let (title, text) = case.split_once('\n').expect("a case has a title");
        let problems = parse(text).expect_err(title);
        let message = ConfigError::new("web.config.yml", problems).to_string();
        (title, text, message)
    });
    cases.collect()
}

#[test]
fn every_problem_has_its_line_its_key_and_its_remedy() {
    let mut told = String::new();
    for (title, text, message) in bad_files() {
        let message = message.replace('\n', "\n! ");
        write!(told, "# {title}\n{text}! {message}\n\n").expect("a String takes any text");
    }
    insta::with_settings!({snapshot_path => "tests", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("bad_files", told);
    });
}

#[test]
fn no_message_holds_a_secret() {
    for (title, _, message) in bad_files() {
        assert!(!message.contains("hunter2"), "{title}: {message}");
        assert!(!message.contains("$2y$"), "{title}: {message}");
    }
}

#[test]
fn a_short_file_cannot_become_a_large_tree() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(text, "a{i}: &a{i} [{items}]").expect("a String takes any text");
    }
    let problems = parse(&text).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0]
            .message
            .starts_with("too much is nested or repeated"),
        "{problems:?}"
    );
    let deep = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let problems = parse(&deep).unwrap_err();
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_file_with_many_values_is_no_web_configuration() {
    for (head, line) in [
        ("", "k{}: 1\n"),
        ("tls_server_config:\n", "  k{}: 1\n"),
        ("basic_auth_users:\n", "  k{}: 1\n"),
        (
            "tls_server_config:\n  client_allowed_sans:\n",
            "    - k{}\n",
        ),
    ] {
        let lines: String = (0..40_000)
            .map(|i| line.replace("{}", &i.to_string()))
            .collect();
        let problems = parse(&format!("{head}{lines}")).unwrap_err();
        assert_eq!(problems.len(), 1, "{head}");
        assert!(
            problems[0]
                .message
                .starts_with("there are more than 10,000"),
            "{problems:?}"
        );
    }
    let mut lines = String::new();
    for i in 0..4000 {
        writeln!(lines, "k{i}: 1").expect("a String takes any text");
    }
    assert_eq!(parse(&lines).unwrap_err().len(), 4000);
}
