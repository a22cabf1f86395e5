//! Checks that the programs do what the README says of keys, metrics, endpoints and settings.
//!
//! The generated parts are written by `KLAG_WRITE_README=1 cargo test --workspace --test standin readme_facts`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use collector::exposition::FAMILIES;
use collector::snapshot::{Api, Phase, Reason, Unsupported};
use e2e::lab::kafka::Version;
use e2e::lab::{Collector, Config};
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use regex::Regex;
use shared::config::{self, Environment, Loaded, Program};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// Every family with all its labels, as the collector's own test has it.
const EXPOSITION: &str = include_str!(
    "../../../collector/tests/exposition_text/snapshots/exposition_text__format__two_clusters_read_like_this.snap"
);

/// Labels that the cluster has in [`EXPOSITION`], besides those of the family.
const OF_THE_CLUSTER: [&str; 3] = ["cluster_name", "env", "region"];

#[test]
fn what_is_generated_is_up_to_date() -> Result<()> {
    let before = fs::read_to_string(README)?;
    let mut text = before.clone();
    for (name, part) in [
        ("keys", config::reference()),
        ("families", families()?),
        ("labels", labels()),
    ] {
        text = with_part(&text, name, &part)?;
    }
    if std::env::var_os("KLAG_WRITE_README").is_some() {
        fs::write(README, &text)?;
    } else {
        ensure!(
            text == before,
            "README.md is out of date; write it with KLAG_WRITE_README=1"
        );
    }
    Ok(())
}

#[test]
fn the_versions_of_kafka_are_those_that_the_lab_starts() -> Result<()> {
    let text = fs::read_to_string(README)?;
    let numbers = Version::ALL.map(Version::number);
    let [oldest, usual, newest] = numbers;
    let told = format!("Tried with Apache Kafka {oldest}, {usual} and {newest}:");
    ensure!(text.contains(&told), "README.md does not say: {told}");
    let run = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/run"))?;
    let fetched = format!("tests/kafka/get-jars {};", numbers.join(" "));
    ensure!(run.contains(&fetched), "tests/run does not call: {fetched}");
    Ok(())
}

/// `text` with what stands between the markers of `name` replaced.
fn with_part(text: &str, name: &str, part: &str) -> Result<String> {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text
        .split_once(&begin)
        .with_context(|| format!("README.md has no {begin:?}"))?;
    let (_, after) = rest.split_once("<!-- end -->").context("no end marker")?;
    Ok(format!("{before}{begin}{part}<!-- end -->{after}"))
}

fn families() -> Result<String> {
    let label = Regex::new(r#"(\w+)=""#)?;
    let mut labels = BTreeMap::<&str, Vec<&str>>::new();
    for line in EXPOSITION.lines().filter(|line| line.starts_with("kafka_")) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let known = labels.entry(name).or_default();
        for found in label.captures_iter(line) {
            let found = found.get(1).map_or("", |found| found.as_str());
            if !known.contains(&found) && !OF_THE_CLUSTER.contains(&found) {
                known.push(found);
            }
        }
    }
    let mut text = "| family | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for family in &FAMILIES {
        let labels = labels
            .get(family.name)
            .with_context(|| format!("{} is not in the snapshot", family.name))?;
        writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            family.name,
            family.kind.label(),
            labels.join(", "),
            family.help
        )?;
    }
    Ok(text)
}

fn labels() -> String {
    let line = |label: &str, values: Vec<&str>| {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        format!("- `{label}`: {}\n", values.join(", "))
    };
    line("api", Api::ALL.map(Api::label).to_vec())
        + &line("reason", Reason::ALL.map(Reason::label).to_vec())
        + &line("phase", Phase::ALL.map(Phase::label).to_vec())
        + &line("type", Unsupported::ALL.map(Unsupported::label).to_vec())
}

#[test]
fn every_configuration_loads() -> Result<()> {
    for example in examples("toml")? {
        load(&example).with_context(|| example.clone())?;
    }
    Ok(())
}

/// Files are not there, so what names one is left out.
#[test]
fn librdkafka_takes_the_settings_for_access() -> Result<()> {
    let mut n_taken = 0;
    for example in examples("toml")? {
        let Loaded { config, .. } = load(&example)?;
        for cluster in &config.clusters {
            let mut client = ClientConfig::new();
            let properties = cluster.consumer_properties.iter();
            for (name, value) in properties.filter(|(name, _)| !name.ends_with(".location")) {
                client.set(name, value.expose());
            }
            let created = client.create::<BaseConsumer>();
            created.map(drop).with_context(|| example.clone())?;
            n_taken += usize::from(!cluster.consumer_properties.is_empty());
        }
    }
    assert_eq!(n_taken, 3);
    Ok(())
}

/// A block that begins within a cluster is put into one.
fn load(example: &str) -> Result<Loaded> {
    let cluster = "[[clusters]]\nname = \"x\"\nbootstrap_servers = \"x:9092\"\n";
    let text = if example.starts_with("[clusters.") {
        format!("{cluster}{example}")
    } else {
        example.to_owned()
    };
    let variables = [
        "KAFKA_USER",
        "KAFKA_PASSWORD",
        "KAFKA_KEY_PASSWORD",
        "POD_NAME",
    ];
    let env: Environment = variables
        .map(|name| (name, "some-text"))
        .into_iter()
        .collect();
    let loaded = config::parse(&text, "README.md", Program::Collector, &env)?;
    ensure!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    Ok(loaded)
}

/// Blocks of code in this language.
fn examples(language: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(README)?;
    let block = Regex::new(&format!("(?ms)^```{language}\n(.*?)^```$"))?;
    let found: Vec<_> = block
        .captures_iter(&text)
        .map(|found| found[1].to_owned())
        .collect();
    ensure!(!found.is_empty(), "no example");
    Ok(found)
}

#[test]
fn the_endpoints_and_what_is_told_of_the_process_are_those_served() -> Result<()> {
    let text = fs::read_to_string(README)?;
    // Nobody listens there: nothing here needs Kafka.
    let collector = Collector::start(&Config::of("127.0.0.1:9"))?;

    let listed = words(&text, r"(?m)^\| `(/\w+)` \|")?;
    let served = words(&collector.get("/")?.text()?, r#"href="(/\w+)""#)?;
    assert_eq!(listed, served);

    let (_, section) = text
        .split_once("\n`/telemetry` has")
        .context("no list of the process's families")?;
    let (section, _) = section.split_once("With an election").context("no end")?;
    let listed = words(section, "`(kafka_[a-z_]+)`")?;
    let telemetry = collector.get("/telemetry")?.text()?;
    let served = words(&telemetry, "(?m)^# TYPE (kafka_[a-z_]+) ")?;
    assert_eq!(listed, served);
    Ok(())
}

fn words(text: &str, pattern: &str) -> Result<BTreeSet<String>> {
    let pattern = Regex::new(pattern)?;
    let found = pattern.captures_iter(text);
    Ok(found.map(|found| found[1].to_owned()).collect())
}

#[test]
fn links_lead_somewhere() -> Result<()> {
    let text = fs::read_to_string(README)?;
    let root = Path::new(README).parent().context("no directory")?;
    for target in words(&text, r"\]\(([^)]+)\)")? {
        let there = match target.strip_prefix('#') {
            Some(anchor) => {
                let title = |line: &str| {
                    let title = line.trim_start_matches('#').trim();
                    title.to_lowercase().replace(' ', "-")
                };
                text.lines()
                    .any(|line| line.starts_with('#') && title(line) == anchor)
            }
            None => target.starts_with("https://") || root.join(&target).exists(),
        };
        ensure!(there, "{target} leads nowhere");
    }
    Ok(())
}
