//! The course of a benchmark: cell after cell, round after round, both collectors in turn.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::args::Args;
use super::cell::Cell;
use super::cores::Cores;
use super::measure::{Pace, Setting};
use super::progress::Progress;
use super::record::{Figures, Outcome, Record, Run};
use super::servers::Cluster;
use super::subject::{Subject, Tested};
use super::{readme, report};
use crate::lab;

/// Everything that lasts for the whole benchmark.
struct Bench<'a> {
    args: &'a Args,
    tested: Vec<Tested>,
    cores: Cores,
    progress: Progress,
    file: PathBuf,
    record: Record,
    /// The servers of the last cell, which suit the next one if it has the same size.
    cluster: Option<(Cell, Cluster)>,
}

/// Measures what the arguments ask for, and writes figures, report and plots.
///
/// # Errors
/// A program or a server cannot be started, or a file cannot be written. A collector that does not collect is no error.
pub fn run(args: &Args) -> Result<()> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => target()?.join("bench"),
    };
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let file = out.join("bench.json");
    let record = Record::read(&file)?;
    if !args.report {
        measure(args, (file, record))?;
    }
    let record = Record::read(&out.join("bench.json"))?;
    report::write(&record, &out)?;
    if args.keep {
        readme::keep(&out)?;
    }
    lab::say(format_args!("{}", report::markdown(&record)));
    lab::say(format_args!("Written: {}", out.display()));
    Ok(())
}

/// Cargo's target directory, in which this program lies.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2);
    Ok(target
        .context("a program outside of a target directory")?
        .to_owned())
}

fn measure(args: &Args, (file, record): (PathBuf, Record)) -> Result<()> {
    let _reservation = lab::reserve()?;
    let cores = Cores::divide()?;
    let cells = args.cells();
    let subjects = Subject::ALL.into_iter();
    let chosen = subjects.filter(|subject| args.only.is_none_or(|only| only == *subject));
    let find = |subject| Tested::find(subject, args.klag_exporter.as_deref());
    let mut bench = Bench {
        args,
        tested: chosen.map(find).collect::<Result<_>>()?,
        progress: Progress::new(cells.len(), args.budget()),
        file,
        record: Record {
            machine: cores.machine(),
            ..record
        },
        cores,
        cluster: None,
    };
    for cell in cells {
        bench.progress.begin(cell);
        bench.forget(cell);
        let (size, mut cluster) = bench.cluster_of(cell)?;
        bench.cell(cell, &mut cluster)?;
        bench.cluster = Some((size, cluster));
        bench.progress.end();
    }
    Ok(())
}

/// The cell with everything left out that servers do not know.
fn size(cell: Cell) -> Cell {
    Cell {
        granularity: Cell::BASE.granularity,
        time_lag: Cell::BASE.time_lag,
        ..cell
    }
}

// === impl Bench ===

impl Bench<'_> {
    /// Removes the figures of a cell that is measured anew.
    fn forget(&mut self, cell: Cell) {
        let anew = |run: &Run| {
            run.cell == cell
                && self
                    .tested
                    .iter()
                    .any(|tested| tested.subject == run.subject)
        };
        self.record.runs.retain(|run| !anew(run));
    }

    fn cluster_of(&mut self, cell: Cell) -> Result<(Cell, Cluster)> {
        let wanted = size(cell);
        match self.cluster.take() {
            Some((size, cluster)) if size == wanted => Ok((size, cluster)),
            before => {
                drop(before);
                self.progress.step("servers start");
                Ok((wanted, Cluster::start(cell)?))
            }
        }
    }

    fn cell(&mut self, cell: Cell, cluster: &mut Cluster) -> Result<()> {
        let begun = Instant::now();
        let (able, longest) = self.first_collections(cell, cluster)?;
        let pace = Pace::of(longest, self.args.n_collections());
        let mut slowest = Duration::ZERO;
        for round in 1..=self.args.rounds() {
            if begun.elapsed() + slowest > self.args.budget() && round > 1 {
                self.progress.step("no time for a further round");
                break;
            }
            let round_begun = Instant::now();
            for tested in in_turn(&able, round) {
                let Pace {
                    poll_interval,
                    n_collections,
                } = pace;
                self.progress.step(&format!(
                    "round {round} of {}: {}, {n_collections} collections, one every {poll_interval} s, and scrapes",
                    self.args.rounds(),
                    tested.subject
                ));
                let figures = self.setting(cell, tested).measure(cluster, pace);
                self.keep((cell, tested, round), figures)?;
            }
            slowest = slowest.max(round_begun.elapsed());
        }
        Ok(())
    }

    /// Lets each collector collect once. Returns those that did, and the duration of the longest first collection.
    fn first_collections(
        &mut self,
        cell: Cell,
        cluster: &mut Cluster,
    ) -> Result<(Vec<Tested>, Duration)> {
        let mut able = Vec::new();
        let mut longest = Duration::ZERO;
        for tested in self.tested.clone() {
            let first = self.setting(cell, &tested).first_collection(cluster);
            match first {
                Ok(duration) => {
                    let what = format!("{}: first collection in {duration:.2?}", tested.subject);
                    self.progress.step(&what);
                    longest = longest.max(duration);
                    able.push(tested);
                }
                Err(error) => self.keep((cell, &tested, 0), Err(error))?,
            }
        }
        Ok((able, longest))
    }

    fn setting<'a>(&'a self, cell: Cell, tested: &'a Tested) -> Setting<'a> {
        Setting {
            cell,
            tested,
            cores: &self.cores,
            limit: self.args.limit(),
        }
    }

    /// Writes the result of a measurement into the record.
    fn keep(
        &mut self,
        (cell, tested, round): (Cell, &Tested, u32),
        result: Result<Figures>,
    ) -> Result<()> {
        let outcome = match result {
            Ok(figures) => Outcome::Measured(Box::new(figures)),
            Err(error) => {
                let words = format!("{error:#}");
                self.progress.step(&format!("{}: {words}", tested.subject));
                Outcome::Nothing(words)
            }
        };
        self.record.runs.push(Run {
            cell,
            subject: tested.subject,
            version: tested.version.clone(),
            round,
            outcome,
        });
        self.record.write(&self.file)
    }
}

/// The collectors in the order of this round: another one begins in each.
fn in_turn(tested: &[Tested], round: u32) -> Vec<&Tested> {
    let mut order: Vec<_> = tested.iter().collect();
    if round.is_multiple_of(2) {
        order.reverse();
    }
    order
}
