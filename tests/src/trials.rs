//! The trials of the election: two pods are disturbed, and must behave as the election promises.
//!
//! Each trial takes the program that stands in the elector's place, so that the same trial can be shown to fail with another program. A
//! trial returns its figures in words, or says what was wrong.

pub mod containers;
pub mod edits;
pub mod failover;
pub mod outage;
pub mod single_pod;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::lab::kubernetes::Kube;
use crate::lab::programs::Program;
use crate::lab::{self, BrokenPromise, PairPlan};

/// The control plane and the program that a trial is run with.
#[derive(Clone, Copy, Debug)]
pub struct TrialSetup<'a> {
    /// The control plane that the pods of the trial use.
    pub kube: &'a Kube,
    /// The program that stands in the elector's place.
    pub elector: Program,
}

/// A trial with its name, which is also that of its Lease.
#[expect(missing_debug_implementations, reason = "a function has none")]
pub struct Trial<'a> {
    name: String,
    run: Box<Run<'a>>,
}

/// A function that runs a trial under a name, and returns its figures in words.
type Run<'a> = dyn Fn(&str) -> Result<String> + Send + Sync + 'a;

/// The result of a trial.
#[derive(Debug)]
pub struct Outcome {
    /// The name of the trial.
    pub name: String,
    /// The figures, or what was wrong.
    pub result: Result<String>,
}

/// Runs trials, `at_once` at the same time; prints a line for each as it ends. Trials mostly sleep, so they can run side by side.
pub fn run(trials: &[Trial<'_>], at_once: usize) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let (sender, outcomes) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..at_once {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = trial.run();
                    lab::say(&outcome);
                    // The receiver outlives the scope.
                    sender.send(outcome).ok();
                }
            });
        }
    });
    drop(sender);
    outcomes.into_iter().collect()
}

/// Runs trials, and fails if any of them fails.
pub fn run_all(trials: &[Trial<'_>], at_once: usize) -> Result<()> {
    let outcomes = run(trials, at_once);
    ensure!(outcomes.len() == trials.len(), "a trial gave no outcome");
    let failed = outcomes.iter().filter_map(|outcome| {
        let error = outcome.result.as_ref().err()?;
        Some(format!("{}: {error:#}", outcome.name))
    });
    let failed: Vec<_> = failed.collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    Ok(())
}

/// Returns the time within which something must happen: `waited`, which passes in any case, and `promised`, which gets slack in
/// short runs.
pub fn within(waited: Duration, promised: Duration) -> Duration {
    waited + lab::Length::from_env().slack(promised)
}

// === impl Trial ===

impl<'a> Trial<'a> {
    /// Returns a trial of this name.
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(&str) -> Result<String> + Send + Sync + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }

    fn run(&self) -> Outcome {
        Outcome {
            name: self.name.clone(),
            result: (self.run)(&self.name),
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Returns the broken promise, if the trial failed because of one.
    pub fn broken(&self) -> Option<&BrokenPromise> {
        self.result.as_ref().err()?.downcast_ref()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.result, self.broken()) {
            (Ok(figures), _) => write!(f, "{name}: {figures}"),
            (Err(_), Some(broken)) => write!(f, "{name}: BROKEN: {broken}"),
            (Err(error), None) => write!(f, "{name}: FAILED: {}", error.root_cause()),
        }
    }
}

// === impl TrialSetup ===

impl<'a> TrialSetup<'a> {
    /// Returns a set-up with klag-exporter's elector on this control plane.
    pub fn of(kube: &'a Kube) -> Self {
        let elector = Program::Elector;
        Self { kube, elector }
    }

    /// Returns a plan of two pods with this lease duration and this grace period, in seconds, and with the elector of the set-up.
    pub fn pair_plan(&self, name: &str, durations: (u64, u64)) -> PairPlan {
        PairPlan::of(name, durations).planned(|plan| plan.elector = self.elector)
    }
}
