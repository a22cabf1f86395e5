//! Tests of references to the environment inside values.

use crate::{CLUSTER, collector};

/// Returns the port that the collector gets where the file has `http_port = ` with `written`, or the error.
fn port(written: &str, variables: &[(&str, &str)]) -> Result<u16, String> {
    let text = format!("[exporter]\nhttp_port = {written}\n{CLUSTER}");
    collector(&text, variables)
        .map(|loaded| loaded.config.exporter.http.port())
        .map_err(|error| error.to_string())
}

/// Returns the password that the collector gets where the file has `sasl.password = ` with `written`; `None` where it gets
/// none.
fn password(written: &str, variables: &[(&str, &str)]) -> Option<String> {
    let text = format!("{CLUSTER}consumer_properties = {{ \"sasl.password\" = {written} }}");
    let config = collector(&text, variables)
        .expect("the file is good")
        .config;
    let password = config.clusters[0].consumer_properties.get("sasl.password");
    password.map(|password| password.expose().to_owned())
}

#[test]
fn a_reference_is_replaced_within_a_text() {
    let text = "[[clusters]]\nname = \"${REGION}-${STAGE:-prod}\"\nbootstrap_servers = \"kafka\"";
    let loaded = collector(text, &[("REGION", "eu")]).expect("the file is good");
    assert_eq!(&*loaded.config.clusters[0].name, "eu-prod");
}

#[test]
fn a_reference_outside_quotes_is_converted_to_the_form_of_the_key() {
    assert_eq!(port("${PORT}", &[("PORT", "9000")]), Ok(9000));
    assert_eq!(port("${PORT:-9001}", &[]), Ok(9001));
    assert_eq!(port("\"${PORT}\"", &[("PORT", "9002")]), Ok(9002));
    assert_eq!(port("${?PORT} # ${NOT_THIS}", &[]), Ok(8000));
}

#[test]
fn a_reference_outside_quotes_may_hold_a_toml_value() {
    let text = format!(
        "[exporter]\npoll_interval = ${{POLL:-\"45s\"}}\n{CLUSTER}group_whitelist = ${{GROUPS}}"
    );
    let loaded = collector(&text, &[("GROUPS", "[\"^a\", '^b']")]).expect("the file is good");
    assert_eq!(loaded.config.exporter.poll_interval.as_secs(), 45);
    assert_eq!(loaded.config.clusters[0].groups.include(), ["^a", "^b"]);
}

#[test]
fn a_variable_that_is_not_set_is_an_error_that_names_it() {
    let error = port("${PORT}", &[]).expect_err("PORT is not set");
    assert!(
        error.contains("environment variable PORT is not set"),
        "{error}"
    );
}

#[test]
fn an_optional_reference_to_nothing_leaves_the_key_out() {
    assert_eq!(password("\"${?PW}\"", &[]), None);
    assert_eq!(password("\"${?PW}\"", &[("PW", "x")]).as_deref(), Some("x"));
    assert_eq!(password("\"a${?PW}b\"", &[]).as_deref(), Some("ab"));
}

#[test]
fn a_default_is_used_only_where_nothing_is_set() {
    assert_eq!(password("\"${PW:-x}\"", &[]).as_deref(), Some("x"));
    assert_eq!(password("\"${PW:-x}\"", &[("PW", "")]).as_deref(), Some(""));
    assert_eq!(password("\"${PW:-}\"", &[]).as_deref(), Some(""));
}

#[test]
fn the_value_of_a_variable_cannot_change_the_structure_of_the_file() {
    for secret in [
        "a\"\nname = \"b",
        "${PW}",
        "\\",
        "'''",
        "# no comment",
        "\"quoted\"",
    ] {
        let variables = [("PW", secret)];
        assert_eq!(password("\"${PW}\"", &variables).as_deref(), Some(secret));
    }
}

#[test]
fn strings_and_comments_have_no_references_outside_quotes() {
    let text = format!(
        "# it's ${{A}}\n[exporter] # \"${{B}}\n{CLUSTER}group_blacklist = ['''\n'${{?C}}''', \
         \"\"\"a\\\"\"\"\"\"\", 'C:\\', \"\\\"\"] # ${{D}}\nisolation = ${{ISOLATION}}\n"
    );
    let text = text.replace("'C:\\'", "'C:'");
    let loaded = collector(&text, &[("ISOLATION", "read_committed")]).expect("the file is good");
    let groups = loaded.config.clusters[0].groups.exclude().to_owned();
    assert_eq!(groups, ["'", "a\"\"\"", "C:", "\""]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_an_error_that_names_it() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use shared::config::{self, Environment, Program};

    let variable = ("PORT".into(), OsString::from_vec(vec![0xff]));
    let environment: Environment = [variable]
        .into_iter()
        .collect::<Vec<(OsString, _)>>()
        .into_iter()
        .collect();
    let text = format!("[exporter]\nhttp_port = ${{PORT}}\n{CLUSTER}");
    let error = config::parse(&text, "config.toml", Program::Collector, &environment)
        .expect_err("0xff is no text");
    assert!(
        error.to_string().contains("PORT is not valid UTF-8"),
        "{error}"
    );
}
