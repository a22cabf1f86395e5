//! Checks that the documents' statements about keys, metrics, endpoints and settings are true of the programs.
//!
//! The generated parts are written by `KLAG_WRITE_DOCUMENTS=1 cargo test --workspace --test standin readme_facts`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use collector::exposition::FAMILIES;
use collector::snapshot::{Api, Phase, Reason, Unsupported};
use e2e::bench;
use e2e::documents::{self, Document};
use e2e::lab::kafka::Version;
use e2e::lab::{Collector, Config};
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use regex::Regex;
use shared::config::{self, Environment, Loaded, Program};

/// Every family with all its labels, from the collector's own test.
const EXPOSITION: &str = include_str!(
    "../../../collector/tests/exposition_text/snapshots/exposition_text__format__two_clusters_read_like_this.snap"
);

/// The labels of the cluster in [`EXPOSITION`], besides those of the family.
const OF_THE_CLUSTER: [&str; 3] = ["cluster_name", "env", "region"];

/// Returns the generated parts: the document that each is in, its name and its text.
fn generated() -> Result<Vec<(Document, String, String)>> {
    let keys = config::reference();
    let of_leadership = keys
        .split_inclusive("\n\n")
        .find(|table| table.starts_with("| `[exporter.leadership]` |"))
        .context("no table of leadership")?;
    let of_leadership = format!("{}\n", of_leadership.trim_end());
    let mut all = vec![
        (
            Document::Elector,
            "keys of leadership".to_owned(),
            of_leadership,
        ),
        (Document::Collector, "keys".to_owned(), keys),
        (Document::Collector, "families".to_owned(), families()?),
        (Document::Collector, "labels".to_owned(), labels()),
        (Document::Readme, "benchmark".to_owned(), bench::table()?),
    ];
    for folder in ["shared/src", "elector/src", "collector/src", "tests/src"] {
        let name = format!("map of {folder}");
        let before = part_of(&Document::Contributing.read()?, &name)?;
        let map = documents::module_map(folder, &before)?;
        let map = format!("```text\n{map}```\n");
        all.push((Document::Contributing, name, map));
    }
    Ok(all)
}

#[test]
fn what_is_generated_is_up_to_date() -> Result<()> {
    for (document, name, part) in generated()? {
        let before = document.read()?;
        let text = with_part(&before, &name, &part).with_context(|| document.name())?;
        if std::env::var_os("KLAG_WRITE_DOCUMENTS").is_some() {
            fs::write(document.path(), &text)?;
        } else {
            ensure!(
                text == before,
                "{} is out of date; write it with KLAG_WRITE_DOCUMENTS=1",
                document.name()
            );
        }
    }
    Ok(())
}

#[test]
fn the_versions_of_kafka_are_those_that_the_lab_starts() -> Result<()> {
    let text = Document::Readme.read()?;
    let numbers = Version::ALL.map(Version::number);
    let [oldest, usual, newest] = numbers;
    let told = format!("Tried with Apache Kafka {oldest}, {usual} and {newest}:");
    ensure!(text.contains(&told), "README.md does not say: {told}");
    let run = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/run"))?;
    let fetched = format!("tests/kafka/get-jars {};", numbers.join(" "));
    ensure!(run.contains(&fetched), "tests/run does not call: {fetched}");
    Ok(())
}

/// Returns the text before the generated part `name`, the part, and the text after it.
fn split<'t>(text: &'t str, name: &str) -> Result<[&'t str; 3]> {
    let begin = format!("<!-- generated: {name} -->\n");
    let at = text.find(&begin).with_context(|| format!("no {begin:?}"))?;
    let (before, rest) = text.split_at(at + begin.len());
    let end = rest.find("<!-- end -->").context("no end marker")?;
    let (part, after) = rest.split_at(end);
    Ok([before, part, after])
}

fn part_of(text: &str, name: &str) -> Result<String> {
    let [_, part, _] = split(text, name)?;
    Ok(part.to_owned())
}

fn with_part(text: &str, name: &str, part: &str) -> Result<String> {
    let [before, _, after] = split(text, name)?;
    Ok(format!("{before}{part}{after}"))
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

/// Checks that librdkafka takes the consumer properties in the examples. Properties that name files are left out, since the files
/// do not exist.
#[test]
fn librdkafka_takes_the_settings_for_access() -> Result<()> {
    let mut n_taken = 0;
    for example in examples("toml")? {
        let Loaded { config, .. } = load(&example)?;
        for cluster in &config.clusters {
            let mut client = ClientConfig::new();
            let properties = cluster.librdkafka_properties();
            for (name, value) in properties.filter(|(name, _)| !name.ends_with(".location")) {
                client.set(name, value);
            }
            let created = client.create::<BaseConsumer>();
            created.map(drop).with_context(|| example.clone())?;
            n_taken += usize::from(!cluster.consumer_properties.is_empty());
        }
    }
    assert_eq!(n_taken, 15);
    Ok(())
}

/// Loads an example; one without a cluster, or that begins within one, is given a cluster.
fn load(example: &str) -> Result<Loaded> {
    let cluster = "[[clusters]]\nname = \"x\"\nbootstrap_servers = \"x:9092\"\n";
    let text = if example.starts_with("[clusters.") {
        format!("{cluster}{example}")
    } else if example.contains("[[clusters]]") {
        example.to_owned()
    } else {
        format!("{example}\n{cluster}")
    };
    let variables = [
        "KAFKA_USER",
        "KAFKA_PASSWORD",
        "KAFKA_KEY_PASSWORD",
        "KAFKA_KEYSTORE_PASSWORD",
        "OAUTH_CLIENT_SECRET",
        "POD_NAME",
    ];
    let variables = variables.map(|name| (name, "some-text"));
    let env: Environment = variables.into_iter().collect();
    let loaded = config::parse(&text, "example", Program::Collector, &env)?;
    ensure!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    Ok(loaded)
}

/// Returns the blocks of code in this language, of all documents.
fn examples(language: &str) -> Result<Vec<String>> {
    let mut examples = Vec::new();
    for document in Document::ALL {
        let blocks = documents::blocks(&document.read()?).with_context(|| document.name())?;
        let blocks = blocks
            .into_iter()
            .filter(|block| block.language == language);
        examples.extend(blocks.map(|block| block.text));
    }
    ensure!(!examples.is_empty(), "no example");
    Ok(examples)
}

#[test]
fn the_endpoints_and_what_is_told_of_the_process_are_those_served() -> Result<()> {
    let text = Document::Collector.read()?;
    // No process listens on this port: nothing here needs Kafka.
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
    for document in Document::ALL {
        let folder = document.path();
        let folder = folder.parent().context("no folder")?;
        for target in words(&document.read()?, r"\]\(([^)]+)\)")? {
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() {
                document.path()
            } else {
                folder.join(file)
            };
            let from = document.name();
            ensure!(file.exists(), "{from}: {target} leads to no file");
            if !anchor.is_empty() {
                let anchors = anchors(&file).with_context(|| target.clone())?;
                ensure!(
                    anchors.iter().any(|known| known == anchor),
                    "{from}: {target} leads to no heading"
                );
            }
        }
    }
    Ok(())
}

/// Returns the anchors of the document at `path`.
fn anchors(path: &Path) -> Result<Vec<String>> {
    let path = path.canonicalize()?;
    for document in Document::ALL {
        if document.path().canonicalize()? == path {
            return document.anchors();
        }
    }
    bail!("no document is there")
}

/// Checks that every path from the root of the repository that stands in backticks exists.
#[test]
fn paths_are_those_of_files() -> Result<()> {
    for document in Document::ALL {
        let text = document.read()?;
        for path in words(
            &text,
            r"`((?:shared|elector|collector|tests|manifests)/[\w./-]+)`",
        )? {
            let there = documents::root().join(&path).exists();
            ensure!(there, "{}: there is no {path}", document.name());
        }
    }
    Ok(())
}
