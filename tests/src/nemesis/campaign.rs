//! The course of the nemesis: schedules are generated, run, judged and saved, one after the other, until the time is over.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use super::arena::{Arena, Run};
use super::args::Args;
use super::files;
use super::generate::generate;
use super::journal::Journal;
use super::recording::Recording;
use super::report::Judged;
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
    journal: Journal<'a>,
    programs: Vec<Program>,
    arena: Arena,
    /// The sides of which a failing schedule is still to be shrunk.
    to_shrink: Vec<usize>,
    n_lab_failures: usize,
}

/// Runs what the arguments ask for; writes and prints the results.
///
/// # Errors
/// The lab could not be started, it failed several times in a row, or a file could not be read or written.
pub fn run(args: &Args) -> Result<Outcome> {
    let replayed = args.replay.as_deref();
    let replayed = replayed.map(files::read_schedule).transpose()?;
    let mut journal = Journal::open(args)?;
    if let Some(dir) = &args.rejudge {
        for recordings in files::read_recordings(dir)? {
            journal.enter(&judged(recordings))?;
        }
        return journal.report();
    }
    let _reservation = lab::reserve()?;
    lab::say("starting etcd, the API server and three Kafka brokers");
    let mut programs = vec![Program::Elector];
    programs.extend(args.control.then_some(Program::PlainElector));
    let mut campaign = Campaign {
        journal,
        arena: Arena::start(&programs)?,
        programs,
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
    campaign.journal.report()
}

fn judged(recordings: Vec<Recording>) -> Vec<Judged> {
    let judge = |recording: Recording| Judged {
        verdict: Verdict::of(&recording),
        recording,
    };
    recordings.into_iter().map(judge).collect()
}

/// Judges the runs of one schedule; returns them with the logs of each.
fn judged_runs(runs: Vec<Run>) -> (Vec<Judged>, Vec<String>) {
    let runs = runs.into_iter().map(|run| (run.recording, run.logs));
    let (recordings, logs) = runs.unzip();
    (judged(recordings), logs)
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
        let (runs, logs) = judged_runs(runs);
        self.journal.enter(&runs)?;
        for (side, (run, logs)) in runs.iter().zip(&logs).enumerate() {
            if !run.verdict.is_failure() {
                continue;
            }
            if side == 0 {
                self.journal
                    .write(&format!("{}.log", schedule.seed), logs)?;
            }
            if self.to_shrink.contains(&side) {
                self.to_shrink.retain(|other| *other != side);
                self.shrink(schedule, side)?;
            }
        }
        Ok(())
    }

    /// Shrinks a schedule that the side failed, within the time for it, and saves the shortest that still fails. The search ends
    /// as well when the lab fails.
    fn shrink(&mut self, schedule: &Schedule, side: usize) -> Result<()> {
        let (seed, minutes) = (schedule.seed, self.journal.args().shrink_minutes);
        lab::say(format_args!(
            "shrinking seed {seed} for at most {minutes} minutes"
        ));
        let end = Instant::now() + Duration::from_secs(60 * minutes);
        let mut failing = None;
        let mut is_broken = false;
        let arena = &mut self.arena;
        let shortest = shrink::shrink(schedule, |candidate| {
            if Instant::now() >= end {
                return Ok(Judgement::OutOfTime);
            }
            let (runs, _) = match arena.run(candidate) {
                Ok(runs) => judged_runs(runs),
                Err(error) => {
                    lab::say(format_args!("  the lab failed: {error:#}"));
                    is_broken = true;
                    return Ok(Judgement::OutOfTime);
                }
            };
            let (n_faults, lasts) = (candidate.faults.len(), candidate.lasts_ms);
            let verdict = &runs[side].verdict;
            lab::say(format_args!("  {n_faults} faults in {lasts} ms: {verdict}"));
            if !verdict.is_failure() {
                return Ok(Judgement::Passes);
            }
            failing = Some(runs);
            Ok(Judgement::Fails)
        })?;
        if let Some(runs) = failing {
            let of = ["shortest", "shortest-control"][side];
            self.journal.save(&format!("{seed}-{of}"), &runs)?;
        }
        let text = serde_json::to_string(&shortest)?;
        lab::say(format_args!(
            "the shortest schedule that still fails: {text}"
        ));
        if is_broken {
            self.arena = Arena::start(&self.programs)?;
        }
        Ok(())
    }
}
