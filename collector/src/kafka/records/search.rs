//! Which offsets are looked for, and what has come of each. No client, no clock: what arrives goes in, what to fetch next comes
//! out.
//!
//! Records of a partition arrive in order, so a record answers every wanted offset up to its own that is not answered yet.

mod partition;

use std::collections::{BTreeSet, HashMap, VecDeque};

use self::partition::{NextStep, PartitionSearch};
use super::{Answers, Wanted};
use crate::kafka::native::PartitionEvent;
use crate::snapshot::{Api, Failure, Name, OldestUnread, Reason, TopicPartition, Unknown};

/// Partitions fetched at once: twice as many as fill an answer, so that the next one is on its way while one is dealt with.
/// Every request names all of them and the broker reads for all of them, whether it has room for the result or not.
const WINDOW: usize = 128;

/// Offsets that are looked for.
#[derive(Debug)]
pub(super) struct Search {
    /// Partitions with something left to find.
    partitions: HashMap<Name, HashMap<i32, PartitionSearch>>,
    /// Partitions that were never fetched; some may have no entry above any more.
    waiting: VecDeque<TopicPartition>,
    /// Fetched, and nothing is left to find.
    finished: Vec<TopicPartition>,
    /// Fetched, and may have to be fetched from elsewhere.
    may_seek: Vec<TopicPartition>,
    n_fetched: usize,
    /// How many may be fetched at once.
    window: usize,
    n_total: usize,
    found: SearchResult,
}

/// What came of a search.
#[derive(Debug, Default)]
pub(super) struct SearchResult {
    /// The answers.
    pub(super) answers: Answers,
    /// Each failure once; a topic that may not be read is one.
    pub(super) failures: Vec<Failure>,
    /// Topics that may not be read.
    pub(super) denied: Vec<Name>,
    /// Positions that reading began at.
    pub(super) n_reads: u64,
}

/// What the client has to do. Removals come first: a partition may be in both.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AssignmentChange {
    /// No longer to be fetched.
    pub(super) unassign: Vec<TopicPartition>,
    /// To be fetched, from these positions.
    pub(super) assign: Vec<(TopicPartition, i64)>,
}

// === impl Search ===

impl Search {
    /// A search for every pair of `wanted`.
    pub(super) fn of(wanted: Wanted) -> Self {
        let n_total = wanted.values().map(BTreeSet::len).sum();
        let waiting = wanted.keys().cloned().collect();
        let mut partitions = HashMap::<_, HashMap<_, _>>::new();
        for (tp, offsets) in wanted {
            if let Some(partition) = PartitionSearch::for_offsets(offsets) {
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

    /// Topics with something left to find.
    pub(super) fn topics(&self) -> impl Iterator<Item = &Name> {
        self.partitions.keys()
    }

    /// Whether nothing is left to find.
    pub(super) fn is_done(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Offsets answered, and offsets wanted.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.found.answers.len(), self.n_total)
    }

    /// Partitions that what arrived has made ready to be fetched no longer, or from elsewhere.
    pub(super) fn n_ready(&self) -> usize {
        self.finished.len() + self.may_seek.len()
    }

    /// What arrived.
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
        let outcome = partition.handle(event, &mut |offset, answer| {
            answers.insert((tp.clone(), offset), answer);
        });
        match outcome {
            NextStep::Continue => {}
            NextStep::MaySeek => self.may_seek.push(tp),
            NextStep::Finished => self.finish_partition(tp),
            NextStep::Failed(Reason::Authorization) => self.deny(&tp.topic),
            NextStep::Failed(reason) => self.fail_partition(tp, reason),
        }
    }

    /// What the client has to do now.
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

    /// Lets more partitions be fetched at once: those that are may all wait for a broker that does not answer.
    pub(super) fn widen(&mut self) {
        self.window += WINDOW;
    }

    /// Ends the search; whatever is left is unknown because of `reason`, which is one failure.
    pub(super) fn finish(mut self, reason: Reason) -> SearchResult {
        let unknown = Unknown::new(Api::Fetch, reason);
        let mut n_left = 0;
        for (topic, partitions) in &self.partitions {
            for (&partition, sought) in partitions {
                let tp = TopicPartition::of(topic, partition);
                for offset in sought.remaining() {
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

    /// Forgets the partition, which is fetched.
    fn finish_partition(&mut self, tp: TopicPartition) {
        if let Some(partitions) = self.partitions.get_mut(&tp.topic) {
            partitions.remove(&tp.partition);
            if partitions.is_empty() {
                self.partitions.remove(&tp.topic);
            }
        }
        self.finished.push(tp);
    }

    fn fail_partition(&mut self, tp: TopicPartition, reason: Reason) {
        let unknown = Unknown::new(Api::Fetch, reason);
        let remaining: Vec<_> = self
            .partition(&tp)
            .map(|it| it.remaining().collect())
            .unwrap_or_default();
        for offset in remaining {
            self.found
                .answers
                .insert((tp.clone(), offset), OldestUnread::Unknown(unknown));
        }
        let subject = format!("{}-{}", tp.topic, tp.partition);
        self.found.failures.push(Failure { unknown, subject });
        self.finish_partition(tp);
    }

    /// Gives up the whole topic: what one partition says of rights holds for all.
    fn deny(&mut self, topic: &Name) {
        let Some(partitions) = self.partitions.remove(topic) else {
            return;
        };
        let unknown = Unknown::new(Api::Fetch, Reason::Authorization);
        for (partition, sought) in partitions {
            let tp = TopicPartition::of(topic, partition);
            for offset in sought.remaining() {
                self.found
                    .answers
                    .insert((tp.clone(), offset), OldestUnread::Unknown(unknown));
            }
            if sought.is_fetched() {
                self.finished.push(tp);
            }
        }
        let subject = topic.to_string();
        self.found.failures.push(Failure { unknown, subject });
        self.found.denied.push(Name::clone(topic));
    }
}
