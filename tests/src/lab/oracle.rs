//! The output of Kafka's own tools and Java client, to compare with what the collector exports.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::kafka::Kafka;
use super::kafka_tools::Tool;

/// A row of `kafka-consumer-groups --describe` that has a committed offset.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The committed offset of the group in the partition.
    pub committed: i64,
    /// The high watermark of the partition.
    pub high_watermark: i64,
    /// The member that is assigned the partition; three empty strings if there is none.
    pub member: Member,
}

/// A member of a group as `kafka-consumer-groups` prints it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// The column CONSUMER-ID: the member id.
    pub consumer_id: String,
    /// The column HOST: the member's address, with the slash that Java puts before an address.
    pub host: String,
    /// The column CLIENT-ID: the `client.id` of the member.
    pub client_id: String,
}

/// A row of `kafka-consumer-groups --describe --state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The state of the group, such as `Stable` or `Empty`.
    pub state: String,
    /// The number of members of the group.
    pub members: u64,
}

/// The log ends of partitions that are assigned to a member and have no commit, by group and topic, then by partition. A topic
/// whose assigned partitions all have commits has an empty map.
pub type Uncommitted = BTreeMap<(String, String), BTreeMap<i32, i64>>;

/// The group, topic and partition of a row.
pub type Place = (String, String, i32);

/// The bounds of a partition's log, and the first record at or after a committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The log start: the first offset that retention has left.
    pub log_start: i64,
    /// The high watermark: the end of the log for consumers that read uncommitted records too.
    pub high_watermark: i64,
    /// The offset and timestamp (ms since 1970) of the first record from the committed offset on; `None` if none is readable.
    pub first: Option<(i64, i64)>,
}

/// Returns the committed offsets of all groups, as `kafka-consumer-groups` prints them.
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

/// Returns the log ends of all partitions that are assigned to a member and have no commit, as `kafka-consumer-groups` prints them.
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

/// Returns the states of all groups, as `kafka-consumer-groups` prints them.
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

/// Reads the logs at these topics, partitions and offsets with Kafka's own consumer; an error if the fixture leaves one of them
/// out.
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
        // Lines with another number of words are log lines of the Java client, which goes to the same output.
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

/// Returns an offset of every partition, by topic and partition: the high watermark if `time` is `-1`, the log start if it is `-2`.
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

/// Returns the rows of the tables that `kafka-consumer-groups` prints, each by column. Lines outside of tables are left out.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut header: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split_ascii_whitespace() {
            // The cells of the column "COORDINATOR (ID)", such as "127.0.0.1:9092 (1)", are the only ones with a blank, which is
            // left out.
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
