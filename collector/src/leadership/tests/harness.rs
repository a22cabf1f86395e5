//! An evaluator and a gate under test.

use std::time::Duration;

use tokio::time::Instant;

use super::{election, transitions};
use crate::gate::{ClosedReason, Until};
use crate::leadership::answer::Answer;
use crate::leadership::evaluate::{Decision, Evaluator, PollResult, Times};
use crate::leadership::gate_writer::GateWriter;

/// An evaluator, and a gate that follows its decisions. Times are in milliseconds from the start.
pub(super) struct Harness {
    pub(super) evaluator: Evaluator,
    pub(super) gate_writer: GateWriter,
    start: Instant,
}

// === impl Harness ===

impl Harness {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        let (gate_writer, _) = GateWriter::new(Vec::new(), transitions(), start);
        Self {
            evaluator: Evaluator::new(&election()),
            gate_writer,
            start,
        }
    }

    pub(super) fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Applies an answer that was requested and read at these times, and returns the result of the poll.
    pub(super) fn apply(&mut self, answer: &Answer, (asked, came): (u64, u64)) -> PollResult {
        let times = Times {
            asked_at: self.at(asked),
            now: self.at(came),
        };
        let (decision, result) = self
            .evaluator
            .evaluate(answer, times, self.gate_writer.gate());
        match decision {
            Decision::Open { until, term } => {
                self.gate_writer.open(Until::At(until), term, times.now);
            }
            Decision::Close(reason) => self.gate_writer.close(reason, times.now),
            Decision::Keep => {}
        }
        result
    }

    /// Returns the deadline of the gate as it is at `ms`.
    pub(super) fn end(&self, ms: u64) -> Result<u64, ClosedReason> {
        match self.gate_writer.gate().permit(self.at(ms))?.until {
            Until::At(end) => Ok(u64::try_from((end - self.start).as_millis()).unwrap()),
            Until::Forever => panic!("no answer lasts for ever"),
        }
    }

    pub(super) fn term(&self, ms: u64) -> Option<u64> {
        let permit = self.gate_writer.gate().permit(self.at(ms)).ok();
        permit.map(|permit| permit.term)
    }
}
