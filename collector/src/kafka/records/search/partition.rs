//! The offsets wanted of one partition.

use std::collections::{BTreeSet, VecDeque};

use crate::kafka::code::Code;
use crate::kafka::native::{Fetched, LOG_START, Timestamp};
use crate::snapshot::{Offset, OldestUnread, Reason};

/// How often reading may be sent back to the log start before the partition is given up: retention may take the record there
/// while it is on its way.
const MAX_RESETS: u32 = 3;

/// One partition with at least one offset left to find.
#[derive(Debug)]
pub(super) struct Partition {
    /// Ascending.
    left: VecDeque<Offset>,
    reading: Reading,
    n_resets: u32,
}

/// What came of something that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing changes.
    GoOn,
    /// [`Partition::leap`] may know a better position. Said once until that is asked.
    MayMove,
    /// Everything is found.
    Finished,
    /// Nothing more can be found.
    Failed(Reason),
}

/// How far the partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Not fetched.
    No,
    /// Fetched from an offset that is wanted.
    Forward(Run),
    /// Fetched from the log start; no record has come yet.
    FromLogStart,
    /// Fetched from an offset that is out of range.
    OutOfRange,
}

/// Records in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// The least offset that can come next; anything below is left over from before.
    next: i64,
    /// Records since the last look at whether to leap.
    n_records: i64,
    leap: Leap,
}

/// Whether it has been said that the partition may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leap {
    Unsaid,
    Said,
}

// === impl Partition ===

impl Partition {
    /// A partition of which `offsets` are wanted; `None` without any.
    pub(super) fn wanting(offsets: BTreeSet<Offset>) -> Option<Self> {
        let left = VecDeque::from_iter(offsets);
        (!left.is_empty()).then_some(Self {
            left,
            reading: Reading::No,
            n_resets: 0,
        })
    }

    /// Offsets without an answer.
    pub(super) fn left(&self) -> impl Iterator<Item = Offset> {
        self.left.iter().copied()
    }

    /// Whether the client fetches it.
    pub(super) fn is_fetched(&self) -> bool {
        self.reading != Reading::No
    }

    /// Begins at the first offset that is left; gives the position.
    pub(super) fn begin(&mut self) -> i64 {
        let position = self.first_left();
        self.reading = Reading::Forward(Run {
            next: position,
            n_records: 0,
            leap: Leap::Unsaid,
        });
        position
    }

    /// A better position to fetch from, now that everything that was here has been taken: where the next wanted offset is
    /// farther away than another batch like the last would reach.
    pub(super) fn leap(&mut self) -> Option<i64> {
        match &mut self.reading {
            Reading::No | Reading::FromLogStart => None,
            Reading::OutOfRange => {
                self.reading = Reading::FromLogStart;
                Some(LOG_START)
            }
            Reading::Forward(run) => {
                let reach = run.next.saturating_add(run.n_records);
                (run.n_records, run.leap) = (0, Leap::Unsaid);
                (self.first_left() > reach).then(|| self.begin())
            }
        }
    }

    /// What arrived for it. `answer` is told what is found.
    pub(super) fn take(
        &mut self,
        fetched: &Fetched,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> Outcome {
        match fetched.timestamp {
            _ if self.is_left_over(fetched) => Outcome::GoOn,
            Ok(timestamp) => self.record(fetched.offset, timestamp, answer),
            Err(Code::PARTITION_EOF) => self.nothing_readable(fetched.offset, answer),
            Err(Code::AUTO_OFFSET_RESET) if self.n_resets < MAX_RESETS => {
                self.n_resets += 1;
                self.reading = Reading::OutOfRange;
                Outcome::MayMove
            }
            Err(code) => Outcome::Failed(code.reason()),
        }
    }

    /// Whether it belongs to an earlier position of the partition.
    fn is_left_over(&self, fetched: &Fetched) -> bool {
        let positional = matches!(
            fetched.timestamp,
            Ok(_) | Err(Code::PARTITION_EOF | Code::AUTO_OFFSET_RESET)
        );
        match self.reading {
            Reading::No | Reading::OutOfRange => true,
            Reading::FromLogStart => false,
            Reading::Forward(run) => positional && fetched.offset < run.next,
        }
    }

    fn record(
        &mut self,
        at: i64,
        timestamp: Timestamp,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> Outcome {
        let (dated, mut run) = match self.reading {
            Reading::Forward(run) => (dated(timestamp, OldestUnread::Written), run),
            // Out of range, but not below the log start: the log was cut since its end was read.
            _ if self.first_left() > at => return Outcome::Failed(Reason::Other),
            _ => {
                let run = Run {
                    next: at,
                    n_records: 0,
                    leap: Leap::Unsaid,
                };
                (dated(timestamp, OldestUnread::WrittenAtLogStart), run)
            }
        };
        self.answer_up_to(at, dated, answer);
        if self.left.is_empty() {
            return Outcome::Finished;
        }
        (run.next, run.n_records) = (at + 1, run.n_records + 1);
        let said = std::mem::replace(&mut run.leap, Leap::Said);
        self.reading = Reading::Forward(run);
        if said == Leap::Said {
            Outcome::GoOn
        } else {
            Outcome::MayMove
        }
    }

    /// The log ends at `end`, and nothing that was wanted up to there can be read.
    fn nothing_readable(
        &mut self,
        end: i64,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> Outcome {
        self.answer_up_to(end, OldestUnread::NothingReadable, answer);
        if self.left.is_empty() {
            Outcome::Finished
        } else {
            // The log was cut since its end was read.
            Outcome::Failed(Reason::Other)
        }
    }

    fn answer_up_to(
        &mut self,
        at: i64,
        found: OldestUnread,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) {
        while let Some(&offset) = self.left.front()
            && offset.to_wire() <= at
        {
            answer(offset, found);
            self.left.pop_front();
        }
    }

    fn first_left(&self) -> i64 {
        self.left
            .front()
            .map_or(LOG_START, |offset| offset.to_wire())
    }
}

/// What a record's timestamp says.
fn dated(timestamp: Timestamp, kind: fn(i64) -> OldestUnread) -> OldestUnread {
    match timestamp {
        Timestamp::At(at) => kind(at),
        Timestamp::Missing => OldestUnread::NoTimestamp,
    }
}
