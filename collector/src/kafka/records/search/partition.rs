//! The search in one partition.

use std::collections::{BTreeSet, VecDeque};

use crate::kafka::error_code::ErrorCode;
use crate::kafka::native::{LOG_START, PartitionEvent, Timestamp};
use crate::snapshot::{Offset, OldestUnread, Reason};

/// The number of times that a partition is read from its log start again before it is given up. Retention may take the records at
/// the log start while they are being fetched.
const MAX_RESETS: u32 = 3;

/// The number of wanted offsets in refused batches after which a partition is given up, because each batch costs its decompression.
pub(super) const MAX_REFUSALS: u32 = 3;

/// One partition with at least one offset that has no answer yet.
#[derive(Debug)]
pub(super) struct PartitionSearch {
    /// The offsets without an answer, ascending.
    remaining: VecDeque<Offset>,
    /// The end of the log as it was read before; `None` if it is unknown.
    known_end: Option<Offset>,
    state: FetchState,
    /// The number of times that the position turned out to be out of range.
    n_resets: u32,
    /// The number of wanted offsets that were in refused batches.
    n_refusals: u32,
    /// The offset of a batch that was refused since the position was set, perhaps because of those before it in the same answer.
    refused_at: Option<i64>,
}

/// The consequence of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// The partition is fetched on as before.
    Continue,
    /// [`PartitionSearch::better_position`] may know a better position. Returned once until that function is called.
    MaySeek,
    /// Every offset has an answer.
    Finished,
    /// The batch at the first offset without an answer was refused. That offset remains no longer; it is the `nth` one that was
    /// given up so. If others remain, [`PartitionSearch::better_position`] knows where to go on.
    Refused { offset: Offset, nth: u32 },
    /// The remaining offsets cannot have an answer.
    Failed(Reason),
}

/// The state of fetching the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FetchState {
    /// The partition is not fetched.
    NotFetched,
    /// The partition is fetched from a wanted offset on.
    Forward(RecordRun),
    /// The partition is fetched from its log start, and no record has arrived yet.
    FromLogStart,
    /// The partition was to be fetched from an offset that turned out to be out of range.
    OutOfRange,
    /// A batch was refused, beyond which the partition is not fetched until another position is set.
    Refused,
}

/// The records that have arrived since a position was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RecordRun {
    /// The position that was set.
    start: i64,
    /// The least offset that can arrive next. A lower one belongs to an earlier position.
    next: i64,
    /// The number of records since [`PartitionSearch::better_position`] was last called.
    n_records: i64,
    hint: SeekHint,
}

/// The state of the hint [`NextStep::MaySeek`] since [`PartitionSearch::better_position`] was last called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeekHint {
    NotGiven,
    Given,
}

// === impl PartitionSearch ===

impl PartitionSearch {
    /// Returns a search for these offsets in a log that ends at `known_end` or later; `None` if there are no offsets.
    pub(super) fn for_offsets(
        offsets: BTreeSet<Offset>,
        known_end: Option<Offset>,
    ) -> Option<Self> {
        let remaining = VecDeque::from_iter(offsets);
        (!remaining.is_empty()).then_some(Self {
            remaining,
            known_end,
            state: FetchState::NotFetched,
            n_resets: 0,
            n_refusals: 0,
            refused_at: None,
        })
    }

    /// Returns the offsets without an answer, ascending.
    pub(super) fn remaining(&self) -> impl Iterator<Item = Offset> {
        self.remaining.iter().copied()
    }

    /// Returns `true` while the client fetches the partition.
    pub(super) fn is_fetched(&self) -> bool {
        self.state != FetchState::NotFetched
    }

    /// Starts to fetch at the first offset without an answer, and returns that offset.
    pub(super) fn start(&mut self) -> i64 {
        let position = self.first_remaining();
        self.refused_at = None;
        self.state = FetchState::Forward(RecordRun {
            start: position,
            next: position,
            n_records: 0,
            hint: SeekHint::NotGiven,
        });
        position
    }

    /// Returns a better position to fetch from, if there is one. To be called after all records that have arrived were handled. A
    /// position is better if the next wanted offset is farther away than another batch like the last one would reach; after a
    /// position out of range it is the log start, and after a batch that was refused it is the next wanted offset.
    pub(super) fn better_position(&mut self) -> Option<i64> {
        match &mut self.state {
            FetchState::NotFetched | FetchState::FromLogStart => None,
            FetchState::OutOfRange => {
                self.state = FetchState::FromLogStart;
                Some(LOG_START)
            }
            FetchState::Refused => Some(self.start()),
            FetchState::Forward(run) => {
                let reach = run.next.saturating_add(run.n_records);
                (run.n_records, run.hint) = (0, SeekHint::NotGiven);
                (self.first_remaining() > reach).then(|| self.start())
            }
        }
    }

    /// Handles an event of the partition. `answer` is called with each offset that the event answers.
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
            Err(ErrorCode::LOCAL_BAD_COMPRESSION) => self.handle_refusal(event.offset),
            Err(code) => NextStep::Failed(code.reason()),
        }
    }

    /// Handles the refusal of the batch that begins at offset `at`.
    fn handle_refusal(&mut self, at: i64) -> NextStep {
        if self.has_advanced() {
            self.state = FetchState::Refused;
            return NextStep::MaySeek;
        }
        // Batches before it whose records are not shown, such as those of aborted transactions, count all the same, and the client
        // goes on after them. So the next answer begins with the refused batch.
        let is_first = matches!(self.state, FetchState::Forward(run) if at <= run.start);
        if !is_first && self.refused_at.replace(at) != Some(at) {
            return NextStep::Continue;
        }
        let Some(offset) = self.remaining.pop_front() else {
            return NextStep::Finished;
        };
        self.n_refusals += 1;
        self.state = FetchState::Refused;
        NextStep::Refused {
            offset,
            nth: self.n_refusals,
        }
    }

    /// Returns `true` if a wanted offset was answered since the position was set. A batch that is refused now may not be needed, or
    /// may have been refused because of the batches before it in the same answer.
    fn has_advanced(&self) -> bool {
        match self.state {
            FetchState::Forward(run) => self.first_remaining() > run.start,
            _ => false,
        }
    }

    /// Returns `true` for an event that belongs to an earlier position of the partition.
    fn is_stale(&self, event: &PartitionEvent) -> bool {
        let positional = matches!(
            event.timestamp,
            Ok(_) | Err(ErrorCode::LOCAL_PARTITION_EOF | ErrorCode::LOCAL_AUTO_OFFSET_RESET)
        );
        match self.state {
            FetchState::NotFetched | FetchState::OutOfRange | FetchState::Refused => true,
            FetchState::FromLogStart => false,
            FetchState::Forward(run) => positional && event.offset < run.next,
        }
    }

    /// Handles a record at offset `at`.
    fn handle_record(
        &mut self,
        at: i64,
        timestamp: Timestamp,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> NextStep {
        let (found, mut run) = match self.state {
            FetchState::Forward(run) => (answer_from(timestamp, OldestUnread::Written), run),
            // The offset was out of range but not below the log start: the log was truncated after its end was read.
            _ if self.first_remaining() > at => return NextStep::Failed(Reason::Other),
            _ => {
                let run = RecordRun {
                    start: at,
                    next: at,
                    n_records: 0,
                    hint: SeekHint::NotGiven,
                };
                (answer_from(timestamp, OldestUnread::WrittenAtLogStart), run)
            }
        };
        self.answer_up_to(at, found, answer);
        if self.remaining.is_empty() {
            return NextStep::Finished;
        }
        (run.next, run.n_records) = (at + 1, run.n_records + 1);
        let hint = std::mem::replace(&mut run.hint, SeekHint::Given);
        self.state = FetchState::Forward(run);
        if hint == SeekHint::Given {
            NextStep::Continue
        } else {
            NextStep::MaySeek
        }
    }

    /// Handles the end of the log at `end`: for the offsets up to `end` without an answer there is no record to read. An end below
    /// the known one is that of a broker which is behind, so the client fetches on until that broker has the records.
    fn handle_end_of_partition(
        &mut self,
        end: i64,
        answer: &mut dyn FnMut(Offset, OldestUnread),
    ) -> NextStep {
        if self.known_end.is_some_and(|known| end < known.to_wire()) {
            return NextStep::Continue;
        }
        self.answer_up_to(end, OldestUnread::NothingReadable, answer);
        if self.remaining.is_empty() {
            NextStep::Finished
        } else {
            // The remaining offsets are beyond the end, because the log was truncated after its end was read.
            NextStep::Failed(Reason::Other)
        }
    }

    /// Answers all offsets up to `at` that have no answer.
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

/// Returns the answer that a record's timestamp gives; `kind` makes the answer from a timestamp.
fn answer_from(timestamp: Timestamp, kind: fn(i64) -> OldestUnread) -> OldestUnread {
    match timestamp {
        Timestamp::At(at) => kind(at),
        Timestamp::Missing => OldestUnread::NoTimestamp,
    }
}
