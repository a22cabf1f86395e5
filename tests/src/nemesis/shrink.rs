//! The shrinking of a schedule that fails: to fewer faults first, then to shorter ones, then to shorter pauses between them.
//!
//! Every candidate is judged by running it, so a schedule that fails only now and then may shrink less than it could, but whatever
//! is returned has failed. The search ends when no candidate fails any more, or when the judge says that the time is over.

use anyhow::Result;

use super::schedule::Schedule;

/// The judgement of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The candidate fails as well, so it takes the place of the schedule.
    Fails,
    /// The candidate does not fail.
    Passes,
    /// The candidate was not run, because there is no time left.
    OutOfTime,
}

/// The shortest time that a fault is shortened to, in milliseconds, and the shortest pause.
const SHORTEST_MS: u64 = 100;

/// A schedule that fails, with the function that judges smaller ones.
struct Shrinker<F> {
    best: Schedule,
    judge: F,
    is_over: bool,
}

/// Returns the smallest schedule that was found to fail. `schedule` is known to fail.
///
/// # Errors
/// The judge could not judge a candidate.
pub fn shrink(
    schedule: &Schedule,
    judge: impl FnMut(&Schedule) -> Result<Judgement>,
) -> Result<Schedule> {
    let mut shrinker = Shrinker {
        best: schedule.clone(),
        judge,
        is_over: false,
    };
    while !shrinker.is_over {
        let before = shrinker.best.clone();
        shrinker.remove_faults()?;
        shrinker.shorten_faults()?;
        shrinker.shorten_pauses()?;
        if shrinker.best == before {
            break;
        }
    }
    Ok(shrinker.best)
}

// === impl Shrinker ===

impl<F: FnMut(&Schedule) -> Result<Judgement>> Shrinker<F> {
    /// Takes a candidate as the best schedule if it differs from the best one and fails; returns true if it was taken.
    fn accept(&mut self, mut candidate: Schedule) -> Result<bool> {
        let ends = candidate.faults.iter().map(super::fault::Fault::end_ms);
        candidate.lasts_ms = ends.max().unwrap_or_default();
        if self.is_over || candidate == self.best {
            return Ok(false);
        }
        let judgement = (self.judge)(&candidate)?;
        self.is_over |= judgement == Judgement::OutOfTime;
        let fails = judgement == Judgement::Fails;
        if fails {
            self.best = candidate;
        }
        Ok(fails)
    }

    /// Removes faults: first halves of them, then quarters, at last single ones.
    fn remove_faults(&mut self) -> Result<()> {
        let mut n_removed = self.best.faults.len().div_ceil(2);
        while n_removed > 0 {
            let mut first = 0;
            while first < self.best.faults.len() {
                let mut candidate = self.best.clone();
                let end = (first + n_removed).min(candidate.faults.len());
                candidate.faults.drain(first..end);
                if !self.accept(candidate)? {
                    first += n_removed;
                }
            }
            n_removed = if n_removed == 1 {
                0
            } else {
                n_removed.div_ceil(2)
            };
        }
        Ok(())
    }

    /// Halves the time of each fault for as long as the schedule fails.
    fn shorten_faults(&mut self) -> Result<()> {
        for n in 0..self.best.faults.len() {
            loop {
                let mut candidate = self.best.clone();
                let lasts = &mut candidate.faults[n].lasts_ms;
                *lasts = (*lasts / 2).max(SHORTEST_MS).min(*lasts);
                if !self.accept(candidate)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Moves each fault, and all that follow it, to half the time since the fault before it, for as long as the schedule fails.
    fn shorten_pauses(&mut self) -> Result<()> {
        for n in 0..self.best.faults.len() {
            loop {
                let mut candidate = self.best.clone();
                let since = match n {
                    0 => 0,
                    n => candidate.faults[n - 1].at_ms,
                };
                let pause = candidate.faults[n].at_ms - since;
                let earlier = pause - (pause / 2).max(SHORTEST_MS).min(pause);
                for fault in &mut candidate.faults[n..] {
                    fault.at_ms -= earlier;
                }
                if candidate.check().is_err() || !self.accept(candidate)? {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::{Fault, FaultKind, Interruption, Parts, PathFault, Pods};
    use super::*;

    fn fault(at_ms: u64, lasts_ms: u64, kind: FaultKind) -> Fault {
        Fault {
            at_ms,
            lasts_ms,
            kind,
        }
    }

    fn clock(at_ms: u64) -> Fault {
        let kind = FaultKind::Clock {
            pods: Pods::Both,
            shift_secs: 1,
        };
        fault(at_ms, 1000, kind)
    }

    /// Returns a schedule of eight shifts of clocks, one interruption of the API server's answers and one stopped elector.
    fn schedule() -> Schedule {
        let dropped = FaultKind::Path {
            pods: Pods::A,
            path_fault: PathFault::Dropped,
        };
        let stopped = FaultKind::Process {
            pods: Pods::B,
            parts: Parts::Elector,
            interruption: Interruption::Stopped,
        };
        let mut faults: Vec<_> = (0..8).map(|n| clock(4000 * n + 500)).collect();
        faults.push(fault(9000, 12_000, dropped));
        faults.push(fault(20_000, 9000, stopped));
        faults.sort_by_key(|fault| fault.at_ms);
        Schedule {
            seed: 0,
            lease_duration_secs: 6,
            grace_period_secs: 2,
            lasts_ms: 40_000,
            faults,
        }
    }

    /// Fails where a path is dropped for at least 3 s and an elector is stopped for at least 500 ms, at any times.
    fn fails(schedule: &Schedule) -> bool {
        let lasts = |label: &str| {
            let mut faults = schedule.faults.iter();
            faults
                .find(|fault| fault.kind.label() == label)
                .map_or(0, |fault| fault.lasts_ms)
        };
        lasts("API dropped") >= 3000 && lasts("elector SIGSTOP") >= 500
    }

    fn judgement(schedule: &Schedule) -> Judgement {
        schedule.check().unwrap();
        if fails(schedule) {
            Judgement::Fails
        } else {
            Judgement::Passes
        }
    }

    #[test]
    fn the_smallest_schedule_that_fails_is_found() {
        let mut n_runs = 0;
        let found = shrink(&schedule(), |candidate| {
            n_runs += 1;
            Ok(judgement(candidate))
        });
        let found = found.unwrap();
        let lasts: Vec<_> = found.faults.iter().map(|fault| fault.lasts_ms).collect();
        // A fault is halved for as long as the schedule fails: 12 s to 3 s, and 9 s to 562 ms.
        assert_eq!(lasts, [3000, 562]);
        let at: Vec<_> = found.faults.iter().map(|fault| fault.at_ms).collect();
        assert_eq!(at, [100, 200]);
        assert_eq!(found.lasts_ms, 3100);
        assert!(n_runs < 60, "{n_runs}");
    }

    #[test]
    fn the_best_so_far_is_returned_when_the_time_is_over() {
        let mut n_left = 6;
        let found = shrink(&schedule(), |candidate| {
            n_left -= 1;
            Ok(if n_left < 0 {
                Judgement::OutOfTime
            } else {
                judgement(candidate)
            })
        });
        let found = found.unwrap();
        assert!(fails(&found));
        assert!(n_left == -1 && found.faults.len() < schedule().faults.len());
    }

    #[test]
    fn a_schedule_of_which_nothing_can_go_stays_as_it_is() {
        let found = shrink(&schedule(), |_| Ok(Judgement::Passes));
        assert_eq!(found.unwrap(), schedule());
    }
}
