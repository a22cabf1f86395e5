//! The results of a soak: they are judged, saved and drawn.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::args::Args;
use super::brokers::Restart;
use super::failovers::Failover;
use super::processes::Life;
use super::tally::Tally;
use super::{plots, report};
use crate::lab;

/// The longest stretch without series from any pod, in seconds: the Lease runs out 15.2 s after the last renewal, the first
/// collection takes its time, also while a broker is away, and scrapes are a second apart.
const DARK: f64 = 25.0;

/// The outcome of a soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was wrong.
    Passed,
    /// Something was wrong, or the soak was cut short.
    Failed,
}

/// Everything that was seen.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Results {
    /// The length of the soak in seconds.
    pub(super) length: f64,
    /// True if a signal ended the soak before its time.
    pub(super) is_cut_short: bool,
    pub(super) failovers: Vec<Failover>,
    pub(super) restarts: Vec<Restart>,
    pub(super) tally: Tally,
    pub(super) lives: Vec<Life>,
    /// The lines of the pods' logs at WARN and ERROR, by kind.
    pub(super) log: BTreeMap<String, u64>,
}

// === impl Results ===

impl Results {
    /// Returns the time for which two pods certainly acted at once, in microseconds.
    pub(super) fn overlap(&self) -> u64 {
        self.failovers.iter().map(|failover| failover.overlap).sum()
    }

    /// Returns the number of processes that ended although the soak did not end them.
    pub(super) fn n_crashes(&self) -> usize {
        self.failovers
            .iter()
            .map(|failover| failover.n_crashes)
            .sum()
    }

    /// Returns everything that is wrong, in words.
    pub(super) fn failures(&self) -> Vec<String> {
        let Tally {
            wrong,
            silences,
            unready,
            n_values,
            n_calm,
            ..
        } = &self.tally;
        let mut failures = Vec::new();
        for (found, what) in [
            (wrong, "wrong values"),
            (silences, "series were missing"),
            (unready, "wrong answers of /ready"),
        ] {
            if found.n > 0 {
                failures.push(format!("{} {what}, first: {}", found.n, found.first[0]));
            }
        }
        let of_failovers = self.failovers.iter().flat_map(|failover| {
            let at = failover.at;
            let failures = failover.failures.iter();
            failures.map(move |what| format!("{at:.1} s: {what}"))
        });
        failures.extend(of_failovers);
        let dark = self.tally.dark.iter().filter(|(_, length)| *length > DARK);
        failures.extend(
            dark.map(|(from, length)| format!("{from:.1} s: no pod had series for {length:.1} s")),
        );
        if self.is_cut_short {
            failures.push("a signal ended the soak before its time".to_owned());
        }
        let seen = [*n_values, *n_calm];
        if seen.contains(&0) || self.failovers.is_empty() || self.restarts.is_empty() {
            failures.push("too little was seen to prove anything".to_owned());
        }
        failures
    }

    /// Writes all files, prints the report, and returns the outcome.
    pub(super) fn write(&self, args: &Args) -> Result<Outcome> {
        let out = match &args.out {
            Some(out) => out.clone(),
            None => default_directory()?,
        };
        fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        write(&out, "soak.json", &serde_json::to_string(self)?)?;
        for (name, svg) in plots::of(self)? {
            write(&out, &format!("{name}.svg"), &svg)?;
        }
        let report = report::markdown(self, args);
        write(&out, "report.md", &report)?;
        lab::say(&report);
        lab::say(format_args!("everything is in {}", out.display()));
        let failures = self.failures();
        for failure in &failures {
            lab::say(format_args!("FAILED: {failure}"));
        }
        Ok(if failures.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Failed
        })
    }
}

fn write(out: &Path, name: &str, text: &str) -> Result<()> {
    let path = out.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the directory of the results, in the target directory of this program.
fn default_directory() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2);
    Ok(target
        .context("a program outside of a target directory")?
        .join("soak"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::processes::Look;

    /// Returns the results of a soak in which nothing was wrong.
    fn results() -> Results {
        let look = |at: f64| Look {
            at,
            rss: 20_000_000,
            threads: 4,
            descriptors: 20,
            sockets: 8,
            cpu_ms: 100,
        };
        Results {
            length: 180.0,
            is_cut_short: false,
            failovers: vec![Failover {
                fault: "pod SIGTERM".to_owned(),
                at: 11.0,
                overlap: 0,
                gap: 0.2,
                bound: 3.0,
                moves: 1,
                n_crashes: 0,
                failures: Vec::new(),
            }],
            restarts: vec![Restart {
                broker: 1,
                signal: "SIGTERM",
                from: 18.0,
                to: 30.0,
            }],
            tally: Tally {
                n_values: 1000,
                n_calm: 20,
                dark: vec![(11.0, 3.0)],
                ..Tally::default()
            },
            lives: vec![Life {
                pod: 1,
                program: "collector",
                id: 7,
                looks: (0..30).map(|n| look(6.0 * f64::from(n))).collect(),
            }],
            log: BTreeMap::new(),
        }
    }

    #[test]
    fn a_soak_in_which_nothing_was_wrong_passes() {
        let results = results();
        assert_eq!(results.failures(), Vec::<String>::new());
        let args = <Args as clap::Parser>::parse_from(["soak", "--minutes", "3"]);
        let report = report::markdown(&results, &args);
        assert!(report.contains("| **wrong values** | 0 |"), "{report}");
        assert!(
            report.contains("| collector b | 174 | RSS, MB | 20.00 | 20.00 |"),
            "{report}"
        );
        for (name, svg) in plots::of(&results).unwrap() {
            assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{name}");
        }
    }

    #[test]
    fn everything_that_is_wrong_fails_the_soak() {
        let changes: [fn(&mut Results); 8] = [
            |it| it.tally.wrong.add("a value".to_owned()),
            |it| it.tally.silences.add("a series".to_owned()),
            |it| it.tally.unready.add("an answer".to_owned()),
            |it| it.failovers[0].failures.push("two pods acted".to_owned()),
            |it| it.tally.dark.push((50.0, 40.0)),
            |it| it.is_cut_short = true,
            |it| it.restarts.clear(),
            |it| it.tally.n_calm = 0,
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut results = results();
            change(&mut results);
            assert_eq!(results.failures().len(), 1, "change {n}");
        }
    }
}
