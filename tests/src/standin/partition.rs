//! One partition's log: its bounds, its leader, and the records that were appended to those of the test's description.

use super::{
    code,
    records::{Records, Slot, SlotKind},
    topic_spec::PartitionSpec,
};

/// One partition, with its log.
#[derive(Debug)]
pub(crate) struct Partition {
    /// The node that leads the partition, -1 if there is none.
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) log_start: i64,
    pub(crate) high_watermark: i64,
    /// The last stable offset; `None` means the high watermark.
    pub(crate) last_stable: Option<i64>,
    /// The node with which the list of replicas begins.
    home: i32,
    /// The contents of the log; `None` means those of the topic.
    records: Option<Records>,
    /// The records appended since the start, ordered by offset.
    appended: Vec<Run>,
}

/// Slots that were appended at once.
#[derive(Debug)]
struct Run {
    first: i64,
    slots: Vec<Slot>,
    /// The number of repetitions of the slots; more than one only for runs of equal records.
    times: i64,
}

// === impl Partition ===

impl Partition {
    pub(crate) fn new(spec: PartitionSpec, home: i32) -> Self {
        let leader = spec.leader.unwrap_or(home);
        Self {
            leader,
            leader_epoch: spec.leader_epoch,
            log_start: spec.log_start,
            high_watermark: spec.high_watermark,
            last_stable: spec.last_stable,
            home: leader,
            records: spec.records,
            appended: Vec::new(),
        }
    }

    /// Returns the end of the log for a consumer that reads only committed records.
    pub(crate) fn last_stable(&self) -> i64 {
        self.last_stable.unwrap_or(self.high_watermark)
    }

    /// Returns the end of the log at a request's isolation level.
    pub(crate) fn end(&self, isolation_level: i8) -> i64 {
        if isolation_level == 1 {
            self.last_stable()
        } else {
            self.high_watermark
        }
    }

    /// Gives the partition another leader in a new epoch; -1 leaves it without a leader.
    pub(crate) fn lead_by(&mut self, node: i32) {
        self.leader = node;
        self.leader_epoch += 1;
    }

    /// Returns the `n` nodes that hold the partition, out of `nodes`, which are ordered by id.
    pub(crate) fn replicas(&self, nodes: &[i32], n: usize) -> Vec<i32> {
        let first = nodes
            .iter()
            .position(|node| *node == self.home)
            .unwrap_or(0);
        let mut replicas: Vec<i32> = nodes.iter().cycle().skip(first).take(n).copied().collect();
        if self.leader >= 0 && !replicas.contains(&self.leader) {
            replicas.pop();
            replicas.push(self.leader);
        }
        replicas
    }

    /// Returns 0 if `node` serves readers that assume `epoch` (-1: none), else the error code with which it refuses.
    pub(crate) fn refusal(&self, node: i32, epoch: i32) -> i16 {
        if epoch >= 0 && epoch < self.leader_epoch {
            code::FENCED_LEADER_EPOCH
        } else if epoch > self.leader_epoch {
            code::UNKNOWN_LEADER_EPOCH
        } else if self.leader != node {
            code::NOT_LEADER_OR_FOLLOWER
        } else {
            0
        }
    }

    /// Returns the content of the log at `offset`.
    pub(crate) fn slot(&self, topic: &Records, offset: i64) -> Slot {
        let run = self
            .appended
            .partition_point(|run| run.first <= offset)
            .checked_sub(1);
        match run.and_then(|run| self.appended[run].slot(offset)) {
            Some(slot) => slot.clone(),
            None => self.records.as_ref().unwrap_or(topic).slot(offset),
        }
    }

    /// Returns the offset of the first record whose timestamp is not below `wanted`, with that timestamp.
    pub(crate) fn first_at(&self, topic: &Records, wanted: i64) -> Option<(i64, i64)> {
        let (mut low, mut high) = (self.log_start, self.high_watermark);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.slot(topic, middle).timestamp < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let there = (low..self.high_watermark).map(|offset| (offset, self.slot(topic, offset)));
        let mut there = there.filter(|(_, slot)| slot.kind != SlotKind::Missing);
        there.next().map(|(offset, slot)| (offset, slot.timestamp))
    }

    /// Appends one copy of each slot, which can be read at once; returns the first one's offset.
    pub(crate) fn append(&mut self, slots: Vec<Slot>) -> i64 {
        self.append_repeated(slots, 1)
    }

    /// Appends `slots`, repeated `times` times; returns the first one's offset.
    pub(crate) fn append_repeated(&mut self, slots: Vec<Slot>, times: i64) -> i64 {
        let first = self.high_watermark;
        self.high_watermark += times * len(&slots);
        self.appended.push(Run {
            first,
            slots,
            times,
        });
        first
    }
}

// === impl Run ===

impl Run {
    fn slot(&self, offset: i64) -> Option<&Slot> {
        let behind = offset - self.first;
        let within = behind < self.times * len(&self.slots);
        let index = usize::try_from(behind % len(&self.slots).max(1)).ok()?;
        self.slots.get(index).filter(|_| within)
    }
}

fn len(slots: &[Slot]) -> i64 {
    i64::try_from(slots.len()).expect("no log is that long")
}
