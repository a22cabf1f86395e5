//! Recorded series: the metrics of a real collector of a stand-in for Kafka, written at a number of moments in the past.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::host::TempDir;
use e2e::lab::prom::{Exposition, Labels};
use e2e::lab::prometheus::Prometheus;
use e2e::lab::{self, Collector, Config, Length};
use e2e::manifests::{self, tools};
use e2e::standin::{GroupSpec, MemberSpec, PartitionSpec, StandIn};

/// The number of groups of the release that shows no partitions.
pub(crate) const GROUPS: usize = 1_000;
/// The number of groups of the release that shows partitions; the groups have names that the other release has too.
const GROUPS_BY_PARTITION: usize = 50;
const TOPICS: usize = 200;
const PARTITIONS: usize = 10;
const INTERVAL: usize = 60;
const LIMIT: Duration = Duration::from_secs(120);
/// The number of times that the rules are evaluated: each time records one more level of rules that read other rules.
const DEPTH: usize = 4;

/// The records and their times.
pub(crate) struct Records {
    scratch: TempDir,
    /// The first moment, in seconds since 1970.
    pub(crate) start: f64,
    /// The last moment, in seconds since 1970.
    pub(crate) end: f64,
    /// The number of series.
    pub(crate) n_series: usize,
}

/// A scraped series: its name, its labels as text, its value, and the value's growth in a minute.
struct Line {
    series: String,
    value: f64,
    growth: f64,
}

// === impl Records ===

impl Records {
    /// Returns records without any series, for the three hours until `end`.
    pub(crate) fn none(end: f64) -> Self {
        Self {
            scratch: TempDir::new("records").expect("a directory"),
            start: end - 10_800.0,
            end,
            n_series: 0,
        }
    }

    /// Makes the records of two releases that have a cluster of the same name, for three hours, or for half an hour in a short
    /// run.
    pub(crate) fn make(length: Length) -> Result<Self> {
        let scratch = TempDir::new("records")?;
        let n = length.pick(180, 30);
        let end = (lab::wall_seconds() / 60.0).floor() * 60.0;
        let mut lines = scraped("klag-exporter", &measure(GROUPS, Config::by_topic)?);
        lines.extend(scraped(
            "other",
            &measure(GROUPS_BY_PARTITION, |config| config)?,
        ));
        for (job, first) in [("klag-exporter", "one"), ("other", "two")] {
            lines.extend(telemetry(job, first));
        }
        let text = scratch.path().join("records.txt");
        let start = write(&text, &lines, end, n)?;
        let (text, data) = (text.display().to_string(), scratch.path().join("data"));
        let data = data.display().to_string();
        tools::run(
            "promtool",
            &[
                "tsdb",
                "create-blocks-from",
                "openmetrics",
                "--quiet",
                &text,
                &data,
            ],
        )?;
        fs::remove_file(text)?;
        Ok(Self {
            scratch,
            start,
            end,
            n_series: lines.len(),
        })
    }

    /// Returns the directory of the records, from which Prometheus reads them.
    pub(crate) fn path(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// Returns the time from the first moment to the last.
    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs_f64(self.end - self.start)
    }

    /// Adds the series that the recording rules would have recorded.
    pub(crate) fn add_rules(&self) -> Result<()> {
        let rules = manifests::root()
            .join("alerts/klag-exporter.rules.yaml")
            .display()
            .to_string();
        let [from, to] = [self.start, self.end]
            .map(|it| format!("--{}={it:.0}", if it < self.end { "start" } else { "end" }));
        for _ in 0..DEPTH {
            let prometheus = Prometheus::of_records(&self.path())?;
            let url = format!("--url={}", prometheus.url());
            let out = self.scratch.path().join("recorded");
            let dir = format!("--output-dir={}", out.display());
            tools::run(
                "promtool",
                &[
                    "tsdb",
                    "create-blocks-from",
                    "rules",
                    &from,
                    &to,
                    &url,
                    &dir,
                    &rules,
                ],
            )?;
            drop(prometheus);
            move_blocks(&out, &self.path())?;
        }
        Ok(())
    }
}

fn move_blocks(from: &Path, to: &Path) -> Result<()> {
    for block in fs::read_dir(from)? {
        let block = block?;
        if block.path().join("meta.json").exists() {
            fs::rename(block.path(), to.join(block.file_name()))?;
        }
    }
    Ok(())
}

/// Returns the exposition of a collector that reads a stand-in for Kafka with this number of groups.
fn measure(groups: usize, config: impl Fn(Config) -> Config) -> Result<Exposition> {
    let mut builder = StandIn::builder();
    for topic in 0..TOPICS {
        builder = builder.topic(&format!("topic-{topic:03}"), PARTITIONS, |_| {
            PartitionSpec::ending_at(100_000)
        });
    }
    for group in 0..groups {
        let topic = format!("topic-{:03}", group % TOPICS);
        let behind = i64::try_from(group % 97)? * 100;
        let member = MemberSpec::new("client").assigned(&topic, 0..3);
        let spec = GroupSpec::classic()
            .member(member)
            .committed(&topic, 0, 100_000 - behind)
            .committed(&topic, 1, 100_000);
        builder = builder.group(&format!("group-{group:04}"), spec);
    }
    let kafka = tokio::runtime::Runtime::new()?.block_on(builder.start());
    let collector = Collector::start(&config(Config::of(&kafka.bootstrap())))?;
    collector.wait_until_complete(LIMIT)
}

/// Returns the series of a release's pod as Prometheus stores them.
fn scraped(job: &str, exposition: &Exposition) -> Vec<Line> {
    let families = exposition.families.iter();
    let rows = families
        .flat_map(|(name, family)| family.series.iter().map(move |row| (name, family, row)));
    rows.map(|(name, family, (labels, value))| Line {
        series: written(name, labels, job),
        value: *value,
        // Every counter grows, so that no panel is empty.
        growth: match name.as_str() {
            "kafka_partition_latest_offset" => 60.0,
            "kafka_lag_exporter_last_update_timestamp_seconds" => 0.0,
            _ if family.kind == "counter" => 1.0,
            _ => 0.0,
        },
    })
    .collect()
}

fn written(name: &str, labels: &Labels, job: &str) -> String {
    let mut series = format!(
        "{name}{{namespace=\"monitoring\",job=\"{job}\",pod=\"{job}-0\",instance=\"{job}:8000\""
    );
    for (label, value) in labels {
        write!(series, ",{label}=\"{value}\"").ok();
    }
    series + "}"
}

/// The telemetry of the two programs of a leading pod: job, name, further labels, value, growth in a minute.
const TELEMETRY: &[(&str, &str, &str, f64, f64)] = &[
    ("telemetry", "leader", "", 1.0, 0.0),
    ("telemetry", "leadership_valid_seconds", "", 4.5, 0.0),
    (
        "telemetry",
        "leader_transitions_total",
        ",to=\"leader\",reason=\"granted\"",
        1.0,
        1.0,
    ),
    (
        "telemetry",
        "leadership_polls_total",
        ",result=\"granted\"",
        1.0,
        300.0,
    ),
    ("elector", "elector_state", ",state=\"leading\"", 1.0, 0.0),
    ("elector", "elector_claim_valid_seconds", "", 12.0, 0.0),
    (
        "elector",
        "elector_renewals_total",
        ",result=\"ok\"",
        1.0,
        12.0,
    ),
    (
        "elector",
        API_SECONDS,
        ",verb=\"patch\",result=\"ok\",le=\"0.1\"",
        1.0,
        12.0,
    ),
    (
        "elector",
        API_SECONDS,
        ",verb=\"patch\",result=\"ok\",le=\"+Inf\"",
        1.0,
        12.0,
    ),
];
const API_SECONDS: &str = "elector_api_request_duration_seconds_bucket";

fn telemetry(job: &str, pod: &str) -> Vec<Line> {
    let line = |kind: &str, name: &str, labels: &str, value, growth| {
        let target = format!(
            "namespace=\"monitoring\",job=\"{job}-{kind}\",pod=\"{pod}\",instance=\"{pod}:8000\""
        );
        let series = format!("{name}{{{target}{labels}}}");
        Line {
            series,
            value,
            growth,
        }
    };
    let said = TELEMETRY
        .iter()
        .map(|&(kind, name, labels, value, growth)| {
            line(
                kind,
                &format!("kafka_lag_exporter_{name}"),
                labels,
                value,
                growth,
            )
        });
    let memory = line("telemetry", "process_resident_memory_bytes", "", 2e7, 0.0);
    said.chain([memory]).collect()
}

/// Writes every series at `n + 1` moments, a minute apart, of which the last is `end`. Returns the first moment.
fn write(path: &Path, lines: &[Line], end: f64, n: usize) -> Result<f64> {
    let interval = f64::from(u32::try_from(INTERVAL)?);
    let mut file = BufWriter::new(fs::File::create(path)?);
    let mut at = 0.0;
    let start = end - interval * f64::from(u32::try_from(n)?);
    for _ in 0..=n {
        for Line {
            series,
            value,
            growth,
        } in lines
        {
            // The last update is the time of the scrape itself.
            let value = if series.starts_with("kafka_lag_exporter_last_update") {
                start + at
            } else {
                value + growth * at / interval
            };
            writeln!(file, "{series} {value} {}", start + at)?;
        }
        at += interval;
    }
    writeln!(file, "# EOF")?;
    file.flush()?;
    ensure!(!lines.is_empty(), "nothing to write");
    Ok(start)
}
