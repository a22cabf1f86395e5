//! The text of a configuration file, read by both programs.
//!
//! A case is a text, in front of which or behind which further tables are put. The property: every problem names what is wrong and a line
//! of the file; no message has a value of the environment or a planted password; and what is accepted is printed as a file that means
//! the same, with the passwords masked.

use shared::config::{
    self, Config, ConfigError, ConfigProblem, Environment, Leadership, Loaded, Program,
};

use super::case::{SECRET, within};

/// A cluster with two secrets, which is put behind the text of a case.
const PLANTED: &str = "\n[[clusters]]\nname = \"planted\"\nbootstrap_servers = \"kafka:9092\"\n[clusters.consumer_properties]\n\
                       \"sasl.password\" = \"hunter2-Zq9xW\"\n\"ssl.key.pem\" = \"hunter2-Zq9xW\"\n";

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for program in [Program::Collector, Program::Elector] {
        if let Some(loaded) = read(&text, program) {
            assert!(!text.contains(SECRET) || !is_secret_in(&loaded.warnings.concat()));
        }
        check_planted(&format!("{text}{PLANTED}"), program);
    }
}

/// Checks a file behind whose text a cluster with secrets was put.
fn check_planted(text: &str, program: Program) {
    // The text before may have an open string or table, in which case the secret is not where it was meant to be.
    let Ok(table) = text.parse::<toml::Table>() else {
        if let Err(error) = parse(text, program) {
            let problems = error.problems().iter();
            let of_syntax = |problem: &&ConfigProblem| problem.message.starts_with("not TOML: ");
            assert!(
                !problems
                    .filter(of_syntax)
                    .any(|it| is_secret_in(&it.message))
            );
        }
        return;
    };
    let clusters = table.get("clusters").and_then(toml::Value::as_array);
    let planted = clusters.and_then(|all| all.last()?.get("consumer_properties")?.as_table());
    let n_secrets = planted.map_or(0, |properties| {
        ["sasl.password", "ssl.key.pem"]
            .iter()
            .filter(|key| properties.get(**key).and_then(toml::Value::as_str) == Some(SECRET))
            .count()
    });
    if n_secrets != 2 || text.matches(SECRET).count() != 2 {
        return;
    }
    let said = match parse(text, program) {
        Ok(loaded) => {
            let printed = loaded.config.effective(program).to_string();
            printed + &loaded.warnings.concat() + &format!("{:?}", loaded.config)
        }
        Err(error) => error.to_string(),
    };
    assert!(!is_secret_in(&said), "{said}");
}

/// Reads `text` and checks the configuration or the problems; `None` for problems.
fn read(text: &str, program: Program) -> Option<Loaded> {
    let limit = (64 << 20) + 256 * text.len();
    match within(limit, || parse(text, program)) {
        Ok(loaded) => {
            check_printed(&loaded.config, program);
            Some(loaded)
        }
        Err(error) => {
            check_problems(&error, text);
            None
        }
    }
}

fn parse(text: &str, program: Program) -> Result<Loaded, ConfigError> {
    let variables = [
        ("KAFKA_PASSWORD", "s3cr3t of the environment"),
        ("PORT", "8000"),
        ("LIST", "[\"a\", \"b\"]"),
        ("EMPTY", ""),
        ("HOSTNAME", "pod-a"),
    ];
    let environment: Environment = variables.into_iter().collect();
    config::parse(text, "config.toml", program, &environment)
}

fn is_secret_in(text: &str) -> bool {
    text.contains(SECRET)
}

fn check_problems(error: &ConfigError, text: &str) {
    let n_lines = text.split('\n').count();
    assert!(!error.problems().is_empty());
    for problem in error.problems() {
        assert!(!problem.message.is_empty());
        assert!(
            problem.line.is_some()
                || !problem.path.is_empty()
                || problem.message.contains("nested"),
            "{problem:?}"
        );
        if let Some(line) = problem.line {
            assert!((1..=n_lines).contains(&line), "{problem:?}");
        }
    }
    let said = error.to_string();
    assert!(!said.contains("s3cr3t of"), "{said}");
}

/// Returns the printed configuration with the values that are masked in it; `None` where a name looks like the beginning of a cluster.
fn with_secrets(printed: &str, config: &Config) -> Option<String> {
    let mut sections = printed.split("\n[[clusters]]\n");
    let mut text = sections.next()?.to_owned();
    let sections: Vec<&str> = sections.collect();
    if sections.len() != config.clusters.len() {
        return None;
    }
    for (section, cluster) in sections.into_iter().zip(&config.clusters) {
        text.push_str("\n[[clusters]]\n");
        for line in section.split_inclusive('\n') {
            let masked = cluster
                .consumer_properties
                .iter()
                .find_map(|(name, value)| {
                    let begin = format!("{} = ", toml_text(name));
                    let is_masked = line.starts_with(&begin) && line.contains("***");
                    is_masked.then(|| format!("{begin}{}\n", toml_text(value.expose())))
                });
            text.push_str(masked.as_deref().unwrap_or(line));
        }
    }
    Some(text)
}

fn toml_text(text: &str) -> toml::Value {
    toml::Value::String(text.to_owned())
}

/// Returns the settings of the election that `program` uses.
fn election(config: &Config, program: Program) -> Option<Vec<String>> {
    let Leadership::Elected(election) = &config.exporter.leadership else {
        return None;
    };
    let used = match program {
        Program::Collector => vec![
            election.url.to_string(),
            format!("{:?}", election.max_staleness),
        ],
        Program::Elector => vec![
            election.lease_name.clone(),
            election.lease_namespace.clone(),
            format!("{:?}", election.consumer),
            format!("{:?}", election.grace_period),
        ],
    };
    let both = vec![
        election.identity.clone(),
        format!("{:?}", election.lease_duration),
    ];
    Some([both, used].concat())
}

/// Checks that a configuration is printed as a file that is read as the same configuration.
fn check_printed(config: &Config, program: Program) {
    let printed = config.effective(program).to_string();
    let Some(whole) = with_secrets(&printed, config) else {
        return;
    };
    let again = match parse(&whole, program) {
        Ok(loaded) => loaded.config,
        Err(error) => panic!("{error}\n{printed}"),
    };
    assert_eq!(again.effective(program).to_string(), printed);
    assert_eq!(election(&again, program), election(config, program));
    if program == Program::Elector {
        return assert_eq!(
            again.exporter.elector_server,
            config.exporter.elector_server
        );
    }
    let shown = |config: &Config| {
        let exporter = &config.exporter;
        (
            (exporter.poll_interval, exporter.http, exporter.granularity),
            (exporter.staleness_threshold, exporter.time_lag),
            exporter.performance,
            exporter.compatibility,
            exporter.web_config_file.clone(),
            exporter.handover_delay,
        )
    };
    assert_eq!(shown(&again), shown(config));
    assert_eq!(again.clusters.len(), config.clusters.len());
    for (again, cluster) in again.clusters.iter().zip(&config.clusters) {
        assert_eq!(again.name, cluster.name);
        assert_eq!(again.bootstrap_servers, cluster.bootstrap_servers);
        assert_eq!(again.groups, cluster.groups);
        assert_eq!(again.topics, cluster.topics);
        assert_eq!(again.labels, cluster.labels);
        assert_eq!(again.isolation, cluster.isolation);
        let names = |cluster: &config::Cluster| -> Vec<String> {
            cluster.consumer_properties.keys().cloned().collect()
        };
        assert_eq!(names(again), names(cluster));
    }
}
