//! The offsets wanted of one partition.

use std::collections::{BTreeSet, VecDeque};

use crate::kafka::error_code::ErrorCode;
use crate::kafka::native::{LOG_START, PartitionEvent, Timestamp};
use crate::snapshot::{Offset, OldestUnread, Reason};

/// How often reading may be sent back to the log start before the partition is given up: retention may take the record there
/// while it is on its way.
const MAX_RESETS: u32 = 3;

/// One partition with at least one offset left to find.
#[derive(Debug)]
pub(super) struct PartitionSearch {
    /// Ascending.
    remaining: VecDeque<Offset>,
    state: FetchState,
    n_resets: u32,
}

/// What came of something that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Nothing changes.
    Continue,
    /// [`PartitionSearch::better_position`] may know a better position. Said once until that is asked.
    MaySeek,
    /// Everything is found.
    Finished,
    /// Nothing more can be found.
    Failed(Reason),
}

/// How far the partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FetchState {
    /// Not fetched.
    NotFetched,
    /// Fetched from an offset that is wanted.
    Forward(RecordRun),
    /// Fetched from the log start; no record has come yet.
    FromLogStart,
    /// Fetched from an offset that is out of range.
    OutOfRange,
}

/// Records in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RecordRun {
    /// The least offset that can come next; anything below is left over from before.
    next: i64,
    /// Records since the last look at whether to leap.
    n_records: i64,
    hint: SeekHint,
}

/// Whether it has been said that the partition may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeekHint {
    NotGiven,
    Given,
}

// === impl PartitionSearch ===

impl PartitionSearch {
    /// A partition of which `offsets` are wanted; `None` without any.
    pub(super) fn for_offsets(offsets: BTreeSet<Offset>) -> Option<Self> {
        let remaining = VecDeque::from_iter(offsets);
        (!remaining.is_empty()).then_some(Self {
            remaining,
            state: FetchState::NotFetched,
            n_resets: 0,
        })
    }

    /// Offsets without an answer.
    pub(super) fn remaining(&self) -> impl Iterator<Item = Offset> {
        self.remaining.iter().copied()
    }

    /// Whether the client fetches it.
    pub(super) fn is_fetched(&self) -> bool {
        self.state != FetchState::NotFetched
    }

    /// Begins at the first offset that is left; gives the position.
    pub(super) fn start(&mut self) -> i64 {
        let position = self.first_remaining();
        self.state = FetchState::Forward(RecordRun {
            next: position,
            n_records: 0,
            hint: SeekHint::NotGiven,
        });
        position
    }

    /// A better position to fetch from, now that everything that was here has been taken: where the next wanted offset is
    /// farther away than another batch like the last would reach.
    pub(super) fn better_position(&mut self) -> Option<i64> {
        match &mut self.state {
            FetchState::NotFetched | FetchState::FromLogStart => None,
            FetchState::OutOfRange => {
                self.state = FetchState::FromLogStart;
                Some(LOG_START)
            }
            FetchState::Forward(run) => {
                let reach = run.next.saturating_add(run.n_records);
                (run.n_records, run.hint) = (0, SeekHint::NotGiven);
                (self.first_remaining() > reach).then(|| self.start())
            }
        }
    }

    /// What arrived for it. `answer` is told what is found.
    pub(super) fn handle(
        &mut self,
        event: &PartitionEvent,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> NextStep {
        match event.timestamp {
            _ if self.is_stale(event) => NextStep::Continue,
            Ok(timestamp) => self.handle_record(event.offset, timestamp, answer),
            Err(ErrorCode::LOCAL_PARTITION_EOF) => {
                self.handle_end_of_partition(event.offset, answer)
            }
            Err(ErrorCode::LOCAL_AUTO_OFFSET_RESET) if self.n_resets < MAX_RESETS => {
                self.n_resets += 1;
                self.state = FetchState::OutOfRange;
                NextStep::MaySeek
            }
            Err(code) => NextStep::Failed(code.reason()),
        }
    }

    /// Whether it belongs to an earlier position of the partition.
    fn is_stale(&self, event: &PartitionEvent) -> bool {
        let positional = matches!(
            event.timestamp,
            Ok(_) | Err(ErrorCode::LOCAL_PARTITION_EOF | ErrorCode::LOCAL_AUTO_OFFSET_RESET)
        );
        match self.state {
            FetchState::NotFetched | FetchState::OutOfRange => true,
            FetchState::FromLogStart => false,
            FetchState::Forward(run) => positional && event.offset < run.next,
        }
    }

    fn handle_record(
        &mut self,
        at: i64,
        timestamp: Timestamp,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> NextStep {
        let (dated, mut run) = match self.state {
            FetchState::Forward(run) => (dated(timestamp, OldestUnread::Written), run),
            // Out of range, but not below the log start: the log was cut since its end was read.
            _ if self.first_remaining() > at => return NextStep::Failed(Reason::Other),
            _ => {
                let run = RecordRun {
                    next: at,
                    n_records: 0,
                    hint: SeekHint::NotGiven,
                };
                (dated(timestamp, OldestUnread::WrittenAtLogStart), run)
            }
        };
        self.answer_up_to(at, dated, answer);
        if self.remaining.is_empty() {
            return NextStep::Finished;
        }
        (run.next, run.n_records) = (at + 1, run.n_records + 1);
        let said = std::mem::replace(&mut run.hint, SeekHint::Given);
        self.state = FetchState::Forward(run);
        if said == SeekHint::Given {
            NextStep::Continue
        } else {
            NextStep::MaySeek
        }
    }

    /// The log ends at `end`, and nothing that was wanted up to there can be read.
    fn handle_end_of_partition(
        &mut self,
        end: i64,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> NextStep {
        self.answer_up_to(end, OldestUnread::NothingReadable, answer);
        if self.remaining.is_empty() {
            NextStep::Finished
        } else {
            // The log was cut since its end was read.
            NextStep::Failed(Reason::Other)
        }
    }

    fn answer_up_to(
        &mut self,
        at: i64,
        found: OldestUnread,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) {
        while let Some(&offset) = self.remaining.front()
            && offset.to_wire() <= at
        {
            answer(offset, found);
            self.remaining.pop_front();
        }
    }

    fn first_remaining(&self) -> i64 {
        self.remaining
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
