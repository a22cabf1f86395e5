//! The journal of the nemesis: verdicts are printed, recordings and pictures are saved, and the table is made at the end.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;

use super::args::Args;
use super::campaign::Outcome;
use super::files;
use super::picture;
use super::report::{Judged, Results};
use super::schedule::Schedule;
use crate::lab;

/// The results so far, and the directory where they are written.
pub(super) struct Journal<'a> {
    args: &'a Args,
    out: PathBuf,
    results: Results,
}

/// Everything about one schedule, as it is saved.
#[derive(Serialize)]
struct Saved<'a> {
    schedule: &'a Schedule,
    runs: &'a [Judged],
}

// === impl Journal ===

impl<'a> Journal<'a> {
    /// Makes the directory of the results.
    pub(super) fn open(args: &'a Args) -> Result<Self> {
        let out = match &args.out {
            Some(out) => out.clone(),
            None => files::default_directory(args)?,
        };
        fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        Ok(Self {
            args,
            out,
            results: Results::default(),
        })
    }

    /// Returns the arguments.
    pub(super) fn args(&self) -> &Args {
        self.args
    }

    /// Enters the runs of one schedule: that of the elector, and that of the control if there is one.
    pub(super) fn enter(&mut self, runs: &[Judged]) -> Result<()> {
        for (side, Judged { recording, verdict }) in runs.iter().enumerate() {
            let figures = match side {
                0 => &mut self.results.elector,
                _ => self.results.control.get_or_insert_default(),
            };
            figures.add(recording, verdict);
            let (seed, n_faults) = (recording.schedule.seed, recording.schedule.faults.len());
            let program = &recording.elector;
            lab::say(format_args!(
                "seed {seed}, {n_faults} faults, {program}: {verdict}"
            ));
            for failure in &verdict.failures {
                lab::say(format_args!("  FAILED: {failure}"));
            }
        }
        let seed = runs.first().map(|run| run.recording.schedule.seed);
        let seed = seed.context("a schedule without runs")?;
        self.save(&seed.to_string(), runs)
    }

    /// Saves the runs of one schedule, with pictures, under this name.
    pub(super) fn save(&self, name: &str, runs: &[Judged]) -> Result<()> {
        let first = runs.first().context("a schedule without runs")?;
        let schedule = &first.recording.schedule;
        let saved = Saved { schedule, runs };
        self.write(&format!("{name}.json"), &serde_json::to_string(&saved)?)?;
        for (run, of) in runs.iter().zip(["", "-control"]) {
            let svg = picture::svg(&run.recording, &run.verdict);
            self.write(&format!("{name}{of}.svg"), &svg)?;
        }
        Ok(())
    }

    /// Writes or replaces a file among the results.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes and prints the table of faults, and the name of the directory.
    pub(super) fn report(self) -> Result<Outcome> {
        let table = self.results.markdown(&self.args.repeated_by());
        self.write("report.md", &table)?;
        let summary = serde_json::to_string_pretty(&self.results)?;
        self.write("summary.json", &summary)?;
        lab::say(&table);
        if self.args.write_readme {
            files::write_readme(&table)?;
        }
        lab::say(format_args!("everything is in {}", self.out.display()));
        let failed = self.results.elector.n_failures > 0;
        let control = self.results.control.as_ref();
        let blind =
            self.args.replay.is_none() && control.is_some_and(|control| control.n_failures == 0);
        if blind {
            lab::say("kube-lease-manager alone passed all schedules, so they prove nothing");
        }
        Ok(if failed || blind {
            Outcome::Failed
        } else {
            Outcome::Passed
        })
    }
}
