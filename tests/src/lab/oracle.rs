//! The output of Kafka's own tools and client, to compare with what was exported.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::kafka::Kafka;
use super::kafka_tools::Tool;

/// A row of `kafka-consumer-groups --describe` that has a committed offset.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The committed offset.
    pub committed: i64,
    /// The high watermark.
    pub high_watermark: i64,
    /// The member that is assigned the partition, or three empty strings.
    pub member: Member,
}

/// A member as the tool prints it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// CONSUMER-ID
    pub consumer_id: String,
    /// HOST, with the slash that Java puts before an address.
    pub host: String,
    /// CLIENT-ID
    pub client_id: String,
}

/// A row of `--describe --state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// `Stable`, `Empty`, ...
    pub state: String,
    /// The number of members.
    pub members: u64,
}

/// The log ends of partitions by group and topic.
pub type Uncommitted = BTreeMap<(String, String), BTreeMap<i32, i64>>;

/// A group, topic and partition.
pub type Place = (String, String, i32);

/// The record that stands in a log at a committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The first offset that retention has left.
    pub log_start: i64,
    /// The end of the log for consumers.
    pub high_watermark: i64,
    /// The offset and time (ms since 1970) of the first record from the committed offset on; `None` if none is readable.
    pub first: Option<(i64, i64)>,
}

/// All groups' committed offsets.
pub fn rows(kafka: &Kafka) -> Result<BTreeMap<Place, Row>> {
    let text = kafka.tool(Tool::ConsumerGroups, &["--describe", "--all-groups"])?;
    let mut rows = BTreeMap::new();
    for fields in table(&text) {
        let field = |name: &str| fields.get(name).map_or("-", String::as_str);
        if field("CURRENT-OFFSET") == "-" {
            continue;
        }
        let place = (
            field("GROUP").to_owned(),
            field("TOPIC").to_owned(),
            field("PARTITION").parse()?,
        );
        let known = |name: &str| {
            Some(field(name))
                .filter(|value| *value != "-")
                .unwrap_or_default()
                .to_owned()
        };
        let row = Row {
            committed: field("CURRENT-OFFSET").parse()?,
            high_watermark: field("LOG-END-OFFSET").parse()?,
            member: Member {
                consumer_id: known("CONSUMER-ID"),
                host: known("HOST"),
                client_id: known("CLIENT-ID"),
            },
        };
        ensure!(
            rows.insert(place, row).is_none(),
            "the tool printed a row twice"
        );
    }
    Ok(rows)
}

/// The partitions that members are assigned without a commit, with their log ends: by the members' group and topic, then by partition.
pub fn uncommitted(kafka: &Kafka) -> Result<Uncommitted> {
    let text = kafka.tool(Tool::ConsumerGroups, &["--describe", "--all-groups"])?;
    let mut uncommitted = Uncommitted::new();
    for fields in table(&text) {
        let field = |name: &str| fields.get(name).map_or("-", String::as_str);
        if field("CONSUMER-ID") == "-" || field("TOPIC") == "-" {
            continue;
        }
        let topic = (field("GROUP").to_owned(), field("TOPIC").to_owned());
        let ends = uncommitted.entry(topic).or_default();
        if field("CURRENT-OFFSET") == "-" {
            let end = field("LOG-END-OFFSET").parse()?;
            ends.insert(field("PARTITION").parse()?, end);
        }
    }
    Ok(uncommitted)
}

/// All groups' states.
pub fn states(kafka: &Kafka) -> Result<BTreeMap<String, State>> {
    let text = kafka.tool(
        Tool::ConsumerGroups,
        &["--describe", "--all-groups", "--state"],
    )?;
    let mut states = BTreeMap::new();
    for fields in table(&text) {
        let group = fields.get("GROUP").context("no GROUP")?;
        let state = fields.get("STATE").context("no STATE")?.clone();
        let members = fields.get("#MEMBERS").context("no #MEMBERS")?.parse()?;
        states.insert(group.clone(), State { state, members });
    }
    Ok(states)
}

/// The records at these topics, partitions and offsets, as Kafka's own consumer reads them.
pub fn records(
    kafka: &Kafka,
    at: &[(String, i32, i64)],
) -> Result<BTreeMap<(String, i32, i64), Record>> {
    let lines = at
        .iter()
        .map(|(topic, partition, offset)| format!("{topic} {partition} {offset}\n"));
    let file = kafka.scratch().write("wanted", lines.collect::<String>())?;
    let text = kafka.fixture(
        "records",
        &[file.to_str().context("a path that is not UTF-8")?],
    )?;
    let mut records = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        // The client writes its log to the same output.
        let [
            topic,
            partition,
            offset,
            log_start,
            high_watermark,
            found,
            time,
        ] = words[..]
        else {
            continue;
        };
        let first = match (found, time) {
            ("-", "-") => None,
            (found, time) => Some((found.parse()?, time.parse()?)),
        };
        let record = Record {
            log_start: log_start.parse()?,
            high_watermark: high_watermark.parse()?,
            first,
        };
        records.insert(
            (topic.to_owned(), partition.parse()?, offset.parse()?),
            record,
        );
    }
    ensure!(
        records.len() == at.len(),
        "the probe answered {} of {}:\n{text}",
        records.len(),
        at.len()
    );
    Ok(records)
}

/// The offsets of all partitions at `time`, as `topic partition -> offset`: `-1` is for high watermarks, `-2` for log starts.
pub fn ends(kafka: &Kafka, time: &str) -> Result<BTreeMap<(String, i32), i64>> {
    let text = kafka.tool(Tool::GetOffsets, &["--time", time])?;
    let mut ends = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(':').collect();
        if let [topic, partition, offset] = words[..] {
            ends.insert((topic.to_owned(), partition.parse()?), offset.parse()?);
        }
    }
    Ok(ends)
}

/// The rows of the tool's tables by column; lines outside of tables are left out.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut header: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split_ascii_whitespace() {
            // This is the only cell with blanks: "COORDINATOR (ID)", "127.0.0.1:9092 (1)".
            match words.last_mut() {
                Some(before) if word.starts_with('(') => before.push_str(word),
                _ => words.push(word.to_owned()),
            }
        }
        if words.first().is_some_and(|word| word == "GROUP") {
            header = words;
        } else if words.len() == header.len() && !header.is_empty() {
            rows.push(header.iter().cloned().zip(words).collect());
        }
    }
    rows
}
