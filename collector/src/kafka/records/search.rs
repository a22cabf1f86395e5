//! The search for records at or after the wanted offsets. The search has no client and no clock: events of partitions go in, and
//! changes of the assignment come out.
//!
//! The records of a partition arrive in order. So a record answers every wanted offset up to its own that has no answer yet. The
//! end of a partition answers all of them, if it is not below the end that was read before: a leader that was just elected, and a
//! follower, may not have got that far yet, and their end says nothing about the records after it.

mod partition;

use std::collections::{BTreeSet, HashMap, VecDeque};

use self::partition::{MAX_REFUSALS, NextStep, PartitionSearch};
use super::cache::Ends;
use super::{TimestampAnswers, Wanted};
use crate::kafka::native::PartitionEvent;
use crate::snapshot::{Api, Failure, Name, Offset, OldestUnread, Reason, TopicPartition, Unknown};

/// The number of partitions that are fetched at once: twice as many as fill an answer, so that the next answer is on its way
/// while one is processed. With more, each request would be larger, and the broker would read data for which its answer has no
/// room.
const WINDOW: usize = 128;

/// The wanted offsets of all partitions, and the answers so far.
#[derive(Debug)]
pub(super) struct Search {
    /// The partitions with offsets that have no answer yet.
    partitions: HashMap<Name, HashMap<i32, PartitionSearch>>,
    /// The partitions that were never fetched. Some may have been given up, and are no longer in `partitions`.
    waiting: VecDeque<TopicPartition>,
    /// Fetched partitions whose offsets all have an answer.
    finished: Vec<TopicPartition>,
    /// Fetched partitions for which another position may be better.
    may_seek: Vec<TopicPartition>,
    /// The number of partitions that are fetched.
    n_fetched: usize,
    /// The largest number of partitions to fetch at once.
    window: usize,
    /// The number of wanted offsets.
    n_total: usize,
    found: SearchResult,
}

/// The result of a search.
#[derive(Debug, Default)]
pub(super) struct SearchResult {
    /// The answers by partition and offset.
    pub(super) answers: TimestampAnswers,
    /// Each failure once. A topic that may not be read is one failure, whatever the number of its partitions.
    pub(super) failures: Vec<Failure>,
    /// Topics that may not be read.
    pub(super) denied: Vec<Name>,
    /// Offsets whose record is in a batch that was found to be too large.
    pub(super) too_large: Vec<(TopicPartition, Offset)>,
    /// The number of positions at which fetching began.
    pub(super) n_reads: u64,
}

/// A change of the partitions that are assigned to the client. Those to unassign come first, as a partition may be in both lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AssignmentChange {
    /// The partitions that are no longer to be fetched.
    pub(super) unassign: Vec<TopicPartition>,
    /// The partitions to fetch from now on, each with its position.
    pub(super) assign: Vec<(TopicPartition, i64)>,
}

// === impl Search ===

impl Search {
    /// Returns a search for every offset of `wanted`. The ends of the logs, which all of them are below, are those of `ends`.
    pub(super) fn of(wanted: Wanted, ends: &Ends<'_>) -> Self {
        let n_total = wanted.values().map(BTreeSet::len).sum();
        let waiting = wanted.keys().cloned().collect();
        let mut partitions = HashMap::<_, HashMap<_, _>>::new();
        for (tp, offsets) in wanted {
            let end = ends(&tp);
            if let Some(partition) = PartitionSearch::for_offsets(offsets, end) {
                partitions
                    .entry(tp.topic)
                    .or_default()
                    .insert(tp.partition, partition);
            }
        }
        Self {
            partitions,
            waiting,
            finished: Vec::new(),
            may_seek: Vec::new(),
            n_fetched: 0,
            window: WINDOW,
            n_total,
            found: SearchResult::default(),
        }
    }

    /// Returns the topics with offsets that have no answer yet.
    pub(super) fn topics(&self) -> impl Iterator<Item = &Name> {
        self.partitions.keys()
    }

    /// Returns `true` if every offset has an answer.
    pub(super) fn is_done(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Returns the number of offsets with an answer, and the number of all wanted offsets.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.found.answers.len(), self.n_total)
    }

    /// Returns the number of partitions for which the assignment has to change, or may have to.
    pub(super) fn n_ready(&self) -> usize {
        self.finished.len() + self.may_seek.len()
    }

    /// Handles an event of a partition. Events of partitions without open offsets are ignored.
    pub(super) fn handle(&mut self, event: &PartitionEvent) {
        let Some((topic, partitions)) = self.partitions.get_key_value(&*event.topic) else {
            return;
        };
        if !partitions.contains_key(&event.partition) {
            return;
        }
        let tp = TopicPartition::of(topic, event.partition);
        let Some(partition) = self
            .partitions
            .get_mut(&tp.topic)
            .and_then(|partitions| partitions.get_mut(&tp.partition))
        else {
            return;
        };
        let answers = &mut self.found.answers;
        let next_step = partition.handle(event, &mut |offset, answer| {
            answers.insert((tp.clone(), offset), answer);
        });
        match next_step {
            NextStep::Continue => {}
            NextStep::MaySeek => self.may_seek.push(tp),
            NextStep::Finished => self.finish_partition(tp),
            NextStep::Refused { offset, nth } => self.refuse_batch(tp, offset, nth),
            NextStep::Failed(Reason::Authorization) => self.deny_topic(&tp.topic),
            NextStep::Failed(reason) => self.fail_partition(tp, reason),
        }
    }

    /// Returns the change of the assignment that is due now, and counts it as made. The caller makes the change.
    pub(super) fn assignment_change(&mut self) -> AssignmentChange {
        let mut change = AssignmentChange {
            unassign: std::mem::take(&mut self.finished),
            assign: Vec::new(),
        };
        for tp in std::mem::take(&mut self.may_seek) {
            if let Some(position) = self
                .partition(&tp)
                .and_then(PartitionSearch::better_position)
            {
                change.unassign.push(tp.clone());
                change.assign.push((tp, position));
            }
        }
        self.n_fetched -= change.unassign.len();
        while self.n_fetched + change.assign.len() < self.window
            && let Some(tp) = self.waiting.pop_front()
        {
            if let Some(partition) = self.partition(&tp) {
                let position = partition.start();
                change.assign.push((tp, position));
            }
        }
        self.n_fetched += change.assign.len();
        self.found.n_reads += u64::try_from(change.assign.len()).unwrap_or(u64::MAX);
        change
    }

    /// Lets [`WINDOW`] more partitions be fetched at once, since those that are fetched may all wait for a broker that does not
    /// answer.
    pub(super) fn widen(&mut self) {
        self.window += WINDOW;
    }

    /// Ends the search. Offsets without an answer are unknown because of `reason`, which is one failure for all of them.
    pub(super) fn finish(mut self, reason: Reason) -> SearchResult {
        let unknown = Unknown::new(Api::Fetch, reason);
        let mut n_left = 0;
        for (topic, partitions) in &self.partitions {
            for (&partition, searched) in partitions {
                let tp = TopicPartition::of(topic, partition);
                for offset in searched.remaining() {
                    let pair = (tp.clone(), offset);
                    self.found
                        .answers
                        .insert(pair, OldestUnread::Unknown(unknown));
                    n_left += 1;
                }
            }
        }
        if n_left > 0 {
            let subject = format!("{n_left} of {} offsets", self.n_total);
            self.found.failures.push(Failure { unknown, subject });
        }
        self.found
    }

    fn partition(&mut self, tp: &TopicPartition) -> Option<&mut PartitionSearch> {
        self.partitions.get_mut(&tp.topic)?.get_mut(&tp.partition)
    }

    /// Removes a partition that is fetched and needs no more answers.
    fn finish_partition(&mut self, tp: TopicPartition) {
        if let Some(partitions) = self.partitions.get_mut(&tp.topic) {
            partitions.remove(&tp.partition);
            if partitions.is_empty() {
                self.partitions.remove(&tp.topic);
            }
        }
        self.finished.push(tp);
    }

    /// Gives up an offset, the `nth` of this partition, because its batch was refused; with the last one that may be refused, also
    /// the remaining ones. They are one failure together.
    fn refuse_batch(&mut self, tp: TopicPartition, offset: Offset, nth: u32) {
        let unknown = Unknown::new(Api::Fetch, Reason::RecordTooLarge);
        let pair = (tp.clone(), offset);
        self.found.too_large.push(pair.clone());
        self.found
            .answers
            .insert(pair, OldestUnread::Unknown(unknown));
        if nth == 1 {
            self.report_failure(&tp, unknown);
        }
        let has_more = self
            .partition(&tp)
            .is_some_and(|it| it.remaining().next().is_some());
        if has_more && nth < MAX_REFUSALS {
            self.may_seek.push(tp);
        } else {
            self.give_up_partition(tp, unknown);
        }
    }

    /// Gives up a partition that is fetched. Its offsets without an answer are unknown because of `reason`.
    fn fail_partition(&mut self, tp: TopicPartition, reason: Reason) {
        let unknown = Unknown::new(Api::Fetch, reason);
        self.report_failure(&tp, unknown);
        self.give_up_partition(tp, unknown);
    }

    fn report_failure(&mut self, tp: &TopicPartition, unknown: Unknown) {
        let subject = format!("{}-{}", tp.topic, tp.partition);
        self.found.failures.push(Failure { unknown, subject });
    }

    fn give_up_partition(&mut self, tp: TopicPartition, unknown: Unknown) {
        let remaining: Vec<_> = self
            .partition(&tp)
            .map(|it| it.remaining().collect())
            .unwrap_or_default();
        for offset in remaining {
            self.found
                .answers
                .insert((tp.clone(), offset), OldestUnread::Unknown(unknown));
        }
        self.finish_partition(tp);
    }

    /// Gives up a whole topic, because a missing right on one partition is missing on all.
    fn deny_topic(&mut self, topic: &Name) {
        let Some(partitions) = self.partitions.remove(topic) else {
            return;
        };
        let unknown = Unknown::new(Api::Fetch, Reason::Authorization);
        for (partition, searched) in partitions {
            let tp = TopicPartition::of(topic, partition);
            for offset in searched.remaining() {
                self.found
                    .answers
                    .insert((tp.clone(), offset), OldestUnread::Unknown(unknown));
            }
            if searched.is_fetched() {
                self.finished.push(tp);
            }
        }
        let subject = topic.to_string();
        self.found.failures.push(Failure { unknown, subject });
        self.found.denied.push(Name::clone(topic));
    }
}
