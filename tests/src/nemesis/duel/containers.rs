//! The containers of two pods: a schedule halts them and lets them go on, and those that end by themselves are started again, as a
//! kubelet does.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::{Duel, Expected};
use crate::lab::pod::{BOTH, Part};
use crate::lab::process::Signal;
use crate::nemesis::fault::Interruption;

/// The pause before a process that ended by itself is started again.
const RESTART: Duration = Duration::from_secs(1);

/// The names of the pods, by index.
const NAMES: [&str; 2] = ["a", "b"];

// === impl Duel ===

impl Duel {
    /// Stops or ends a container.
    pub(super) fn halt(
        &mut self,
        (pod, part): (usize, Part),
        interruption: Interruption,
    ) -> Result<()> {
        let at = self.now();
        let container = self.pair.pod(pod);
        // A container that has just ended by itself has nothing to lose, and is started again at the end of the fault.
        if container.runs(part)? {
            match interruption {
                Interruption::Stopped => container.signal(&[part], Signal::Stop)?,
                Interruption::Killed => container.clear(part),
                Interruption::Terminated => container.signal(&[part], Signal::Terminate)?,
            }
        }
        self.expected[pod][index(part)] = Expected::Halted(at);
        Ok(())
    }

    /// Lets a container go on that was stopped, or starts one anew that was ended.
    pub(super) fn go_on(
        &mut self,
        (pod, part): (usize, Part),
        interruption: Interruption,
    ) -> Result<()> {
        let container = self.pair.pod(pod);
        let continues = interruption == Interruption::Stopped && container.runs(part)?;
        if !continues {
            container.clear(part);
        }
        let now = Instant::now();
        if continues {
            container.signal(&[part], Signal::Continue)?;
        } else {
            container.start(part)?;
        }
        let expected = &mut self.expected[pod][index(part)];
        if let Expected::Halted(since) = *expected
            && part == Part::Collector
        {
            self.halted[pod].push((since, self.origin.micros(now)));
            if continues {
                self.continued[pod].push(now);
            }
        }
        *expected = Expected::Running;
        Ok(())
    }

    /// Starts containers again that ended by themselves, and notes that they did.
    pub(crate) fn keep(&mut self) -> Result<()> {
        for (pod, name) in NAMES.iter().enumerate() {
            for part in BOTH {
                let container = self.pair.pod(pod);
                let expected = &mut self.expected[pod][index(part)];
                match *expected {
                    Expected::Running if !container.runs(part)? => {
                        *expected = Expected::Restarting(Instant::now() + RESTART);
                        let at = self.origin.0.elapsed();
                        self.crashes.push(format!(
                            "{part:?} of pod {name} ended by itself at {at:.3?}"
                        ));
                    }
                    Expected::Restarting(due) if due <= Instant::now() => {
                        container.clear(part);
                        container.start(part)?;
                        *expected = Expected::Running;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn index(part: Part) -> usize {
    match part {
        Part::Elector => 0,
        Part::Collector => 1,
    }
}
