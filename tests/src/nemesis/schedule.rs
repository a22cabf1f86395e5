//! A schedule of faults: a plain value, which is generated from a seed, saved as JSON, and run again.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Target};

/// The least time between the end of a fault and the beginning of the next one on the same target.
pub(super) const MARGIN_MS: u64 = 300;

/// The longest schedule that is run, in milliseconds.
const LONGEST_MS: u64 = 600_000;

/// Faults at fixed times after a moment at which one of two pods leads and the other stands by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The seed that the schedule was generated from. A schedule that was shrunk has the seed of the schedule that it comes from.
    pub seed: u64,
    /// The key `lease_duration_secs` of both pods.
    pub lease_duration_secs: u64,
    /// The key `grace_period_secs` of both pods.
    pub grace_period_secs: u64,
    /// The time after which all faults are over, in milliseconds.
    pub lasts_ms: u64,
    /// The faults, in the order of their beginnings.
    pub faults: Vec<Fault>,
}

// === impl Schedule ===

impl Schedule {
    /// Checks that the schedule can be run: its times are bounded, and no two faults have the same target at the same time.
    ///
    /// # Errors
    /// The error names the fault that cannot be run, counted from 0, and the reason.
    pub fn check(&self) -> Result<()> {
        let (duration, grace) = self.durations();
        ensure!(
            0 < grace && grace < duration && (3..=60).contains(&duration),
            "lease_duration_secs must be from 3 to 60, and grace_period_secs less than it and not 0"
        );
        ensure!(
            self.lasts_ms <= LONGEST_MS,
            "lasts_ms must be at most {LONGEST_MS}"
        );
        for (n, fault) in self.faults.iter().enumerate() {
            ensure!(
                fault
                    .at_ms
                    .checked_add(fault.lasts_ms)
                    .is_some_and(|end| end <= self.lasts_ms),
                "fault {n} ends after lasts_ms"
            );
            fault
                .kind
                .check()
                .map_err(|error| error.context(format!("fault {n}")))?;
            for (m, other) in self.faults.iter().enumerate().skip(n + 1) {
                ensure!(
                    !fault.collides_with(other),
                    "faults {n} and {m} have the same target at the same time"
                );
            }
        }
        Ok(())
    }

    /// Returns the lease duration and the grace period, in seconds.
    pub fn durations(&self) -> (u64, u64) {
        (self.lease_duration_secs, self.grace_period_secs)
    }

    /// Returns the lease duration.
    pub fn lease_duration(&self) -> Duration {
        Duration::from_secs(self.lease_duration_secs)
    }

    /// Returns true if some fault has this target.
    pub(super) fn strikes(&self, target: Target) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|fault| fault.kind.targets().contains(&target))
    }
}
