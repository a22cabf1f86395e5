//! The course of the nemesis: schedules are generated, run, judged and saved, one after the other, until the time is over.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::time::Instant;

use super::arena::{Arena, Run};
use super::args::Args;
use super::files;
use super::generate::generate;
use super::picture;
use super::report::{Judged, Results};
use super::schedule::Schedule;
use super::shrink::{self, Judgement};
use super::verdict::Verdict;
use crate::lab;
use crate::lab::programs::Program;

/// The number of schedules in a row that the lab may fail to run.
const LAB_FAILURES: usize = 3;

/// The outcome of all schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No schedule failed, and the control failed some if there was one.
    Passed,
    /// A schedule failed, or the control passed all of them.
    Failed,
}

/// The state of a campaign.
struct Campaign<'a> {
    args: &'a Args,
    programs: Vec<Program>,
    arena: Arena,
    out: PathBuf,
    results: Results,
    /// The sides of which a failing schedule is still to be shrunk.
    to_shrink: Vec<usize>,
    n_lab_failures: usize,
}

/// Everything about one schedule, as it is saved.
#[derive(Serialize)]
struct Saved<'a> {
    schedule: &'a Schedule,
    runs: &'a [Judged],
}

/// Runs what the arguments ask for; writes and prints the results.
///
/// # Errors
/// The lab could not be started, it failed several times in a row, or a file could not be read or written.
pub fn run(args: &Args) -> Result<Outcome> {
    let replayed = args
        .replay
        .as_deref()
        .map(files::read_schedule)
        .transpose()?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => files::default_directory(args)?,
    };
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let _reservation = lab::reserve()?;
    lab::say("starting etcd, the API server and three Kafka brokers");
    let mut programs = vec![Program::Elector];
    programs.extend(args.control.then_some(Program::PlainElector));
    let mut campaign = Campaign {
        args,
        arena: Arena::start(&programs)?,
        programs,
        out,
        results: Results::default(),
        to_shrink: vec![0],
        n_lab_failures: 0,
    };
    campaign.to_shrink.extend(args.shrink_control.then_some(1));
    if let Some(schedule) = replayed {
        campaign.try_schedule(&schedule)?;
    } else {
        let end = Instant::now() + Duration::from_secs(60 * args.minutes);
        let families = args.families();
        let mut seed = args.seed;
        while Instant::now() < end {
            campaign.try_schedule(&generate(seed, &families))?;
            seed = seed
                .checked_add(1)
                .context("there is no seed after the last one")?;
        }
    }
    campaign.report()
}

fn judged(runs: Vec<Run>) -> Vec<Judged> {
    let judge = |run: Run| Judged {
        verdict: Verdict::of(&run.recording),
        recording: run.recording,
    };
    runs.into_iter().map(judge).collect()
}

// === impl Campaign ===

impl Campaign<'_> {
    /// Runs a schedule, and says what came of it. If the lab fails, a new lab is started; several failures in a row are an error.
    fn try_schedule(&mut self, schedule: &Schedule) -> Result<()> {
        match self.arena.run(schedule) {
            Ok(runs) => {
                self.n_lab_failures = 0;
                self.take(schedule, runs)
            }
            Err(error) => {
                self.n_lab_failures += 1;
                let seed = schedule.seed;
                lab::say(format_args!(
                    "seed {seed}: the lab failed, so nothing is proved: {error:#}"
                ));
                if self.n_lab_failures == LAB_FAILURES {
                    bail!("the lab failed {LAB_FAILURES} times in a row");
                }
                self.arena = Arena::start(&self.programs)?;
                Ok(())
            }
        }
    }

    fn take(&mut self, schedule: &Schedule, runs: Vec<Run>) -> Result<()> {
        let seed = schedule.seed;
        let logs: Vec<_> = runs.iter().map(|run| run.logs.clone()).collect();
        let runs = judged(runs);
        self.save(&seed.to_string(), schedule, &runs)?;
        for (side, Judged { recording, verdict }) in runs.iter().enumerate() {
            let figures = match side {
                0 => &mut self.results.elector,
                _ => self.results.control.get_or_insert_default(),
            };
            figures.add(recording, verdict);
            let (n_faults, program) = (schedule.faults.len(), &recording.elector);
            lab::say(format_args!(
                "seed {seed}, {n_faults} faults, {program}: {verdict}"
            ));
            for failure in &verdict.failures {
                lab::say(format_args!("  FAILED: {failure}"));
            }
            if verdict.is_failure() && side == 0 {
                self.write(&format!("{seed}.log"), &logs[side])?;
            }
        }
        for (side, run) in runs.iter().enumerate() {
            if run.verdict.is_failure() && self.to_shrink.contains(&side) {
                self.to_shrink.retain(|other| *other != side);
                self.shrink(schedule, side)?;
            }
        }
        Ok(())
    }

    /// Shrinks a schedule that the side failed, within the time for it, and saves the shortest that still fails.
    fn shrink(&mut self, schedule: &Schedule, side: usize) -> Result<()> {
        let minutes = self.args.shrink_minutes;
        lab::say(format_args!(
            "shrinking seed {} for at most {minutes} minutes",
            schedule.seed
        ));
        let end = Instant::now() + Duration::from_secs(60 * minutes);
        let mut failing = None;
        let arena = &mut self.arena;
        let shortest = shrink::shrink(schedule, |candidate| {
            if Instant::now() >= end {
                return Ok(Judgement::OutOfTime);
            }
            let runs = judged(arena.run(candidate)?);
            let fails = runs[side].verdict.is_failure();
            let (n_faults, lasts) = (candidate.faults.len(), candidate.lasts_ms);
            let verdict = &runs[side].verdict;
            lab::say(format_args!("  {n_faults} faults in {lasts} ms: {verdict}"));
            if !fails {
                return Ok(Judgement::Passes);
            }
            failing = Some(runs);
            Ok(Judgement::Fails)
        })?;
        if let Some(runs) = failing {
            let of = ["shortest", "shortest-control"][side];
            self.save(&format!("{}-{of}", shortest.seed), &shortest, &runs)?;
        }
        let text = serde_json::to_string(&shortest)?;
        lab::say(format_args!(
            "the shortest schedule that still fails: {text}"
        ));
        Ok(())
    }

    fn save(&self, name: &str, schedule: &Schedule, runs: &[Judged]) -> Result<()> {
        let saved = Saved { schedule, runs };
        self.write(&format!("{name}.json"), &serde_json::to_string(&saved)?)?;
        for (run, of) in runs.iter().zip(["", "-control"]) {
            let svg = picture::svg(&run.recording, &run.verdict);
            self.write(&format!("{name}{of}.svg"), &svg)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn report(self) -> Result<Outcome> {
        let table = self.results.markdown(&self.args.repeated_by());
        self.write("report.md", &table)?;
        self.write(
            "summary.json",
            &serde_json::to_string_pretty(&self.results)?,
        )?;
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
