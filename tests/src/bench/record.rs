//! The raw figures, as they stand in `bench.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::scrapes::Load;
use super::subject::Subject;

/// The figures of all measurements in one directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// The machine of the last measurement.
    pub machine: Machine,
    /// The measurements, in the order in which they were made.
    pub runs: Vec<Run>,
}

/// The machine that was measured on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's own name.
    pub processor: String,
    /// The cores of servers and clients, as `taskset` writes them.
    pub servers: String,
    /// The core of the collector under test.
    pub collector: String,
}

/// One measurement: one process of one collector.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The cell that was measured.
    pub cell: Cell,
    /// The collector under test.
    pub subject: Subject,
    /// The words of its `--version`.
    pub version: String,
    /// The number of the round, from 1.
    pub round: u32,
    /// The result.
    pub outcome: Outcome,
}

/// The result of a measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything was measured.
    Measured(Box<Figures>),
    /// The collector did not do what was waited for; these words say what, and how long.
    Nothing(String),
}

/// The figures of one process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The time from the start of one collection to the start of the next, in seconds.
    pub poll_interval: u64,
    /// The time from the start of the process to its first data, in ms.
    pub first_data_ms: f64,
    /// The CPU time of the process from the end of the first collection to that of the last one, divided by the number of ends, in ms.
    pub cpu_ms: f64,
    /// The durations of the collections after the first one, in ms, by the collector's own log.
    pub wall_ms: Vec<f64>,
    /// The requests of each API for one collection; empty where the servers do not count them.
    pub requests: BTreeMap<String, f64>,
    /// The resident memory after the last collection, in bytes.
    pub rss: u64,
    /// The highest resident memory before the first scrape, in bytes.
    pub rss_peak: u64,
    /// The highest resident memory of all, scrapes included, in bytes.
    pub rss_peak_scraped: u64,
    /// The number of threads after the last collection.
    pub threads: u64,
    /// The number of connections to servers after the last collection.
    pub connections: u64,
    /// The costs of scrapes.
    pub scrapes: Vec<Scrape>,
    /// The number of series in a scrape.
    pub series: u64,
    /// The number of values that were compared with the right ones.
    pub checked: u64,
    /// The number of values that were wrong.
    pub wrong: u64,
    /// The number of values that are known and were not shown.
    pub missing: u64,
    /// The first of the wrong and missing values, in words.
    pub examples: Vec<String>,
}

/// The cost of scrapes of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    /// The kind of scrapes.
    pub load: Load,
    /// The number of scrapes.
    pub n: u32,
    /// The CPU time of the collector for one scrape, in ms.
    pub cpu_ms: f64,
    /// The time from the request to the last byte, in ms; the mean of all scrapes.
    pub wall_ms: f64,
    /// The bytes of the body, as sent.
    pub bytes: u64,
}

// === impl Record ===

impl Record {
    /// Reads a record; an absent file is an empty one.
    ///
    /// # Errors
    /// The file cannot be read, or is of another form.
    pub fn read(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is not a record of this version: move it away, or name another --out",
                file.display()
            )
        })
    }

    /// Writes the record, whole or not at all, with a line for each measurement.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let machine = serde_json::to_string(&self.machine)?;
        let runs = self.runs.iter().map(serde_json::to_string);
        let runs = runs.collect::<Result<Vec<_>, _>>()?.join(",\n");
        let text = format!("{{\"machine\":{machine},\"runs\":[\n{runs}\n]}}\n");
        let beside = file.with_extension("new");
        fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// The cells that were measured, in the order of the first measurement of each.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for run in &self.runs {
            if !cells.contains(&run.cell) {
                cells.push(run.cell);
            }
        }
        cells
    }

    /// The figures of all rounds of this collector at this cell.
    pub fn figures(&self, cell: Cell, subject: Subject) -> Vec<&Figures> {
        let of = |run: &&Run| run.cell == cell && run.subject == subject;
        let runs = self.runs.iter().filter(of);
        runs.filter_map(|run| match &run.outcome {
            Outcome::Measured(figures) => Some(&**figures),
            Outcome::Nothing(_) => None,
        })
        .collect()
    }
}
