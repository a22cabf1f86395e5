//! The stand-in for Kafka with the demo's writers and readers. The stand-in lets no member join, so its state is written as
//! writers and readers would leave it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::scenario::{Budget, DemoTopic, Meter, READERS, Reader, TOPICS};
use crate::standin::{GroupSpec, GroupState, MemberSpec, PartitionSpec, Slot, StandIn};

/// The stand-in, with the numbers of records that have been written and read.
#[derive(Debug)]
pub(super) struct Simulated {
    standin: StandIn,
    meters: [Meter; TOPICS.len()],
    /// The number of records written to each topic.
    written: [u64; TOPICS.len()],
    members: [SimulatedMember; READERS.len()],
}

#[derive(Clone, Copy, Debug)]
struct SimulatedMember {
    reader: Reader,
    n_read: u64,
    presence: MemberPresence,
}

#[derive(Clone, Copy, Debug)]
enum MemberPresence {
    Here,
    Left,
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

// === impl Simulated ===

impl Simulated {
    /// Starts the stand-in with its topics and groups.
    pub(super) async fn start() -> Self {
        let mut builder = StandIn::builder();
        for DemoTopic {
            name, n_partitions, ..
        } in TOPICS
        {
            let n_partitions = usize::try_from(n_partitions).unwrap_or(1);
            builder = builder.topic(name, n_partitions, |_| PartitionSpec::default());
        }
        for Reader { group, topic, .. } in READERS {
            let member =
                MemberSpec::new(&format!("{group}-1")).assigned(topic.name, 0..topic.n_partitions);
            builder = builder.group(group, GroupSpec::classic().member(member));
        }
        Self {
            standin: builder.start().await,
            meters: [Meter::default(); TOPICS.len()],
            written: [0; TOPICS.len()],
            members: READERS.map(|reader| SimulatedMember {
                reader,
                n_read: 0,
                presence: MemberPresence::Here,
            }),
        }
    }

    /// Returns the addresses of the stand-in in the form of `bootstrap.servers`.
    pub(super) fn bootstrap(&self) -> String {
        self.standin.bootstrap()
    }

    /// Writes and reads the records that are due at `elapsed`.
    pub(super) fn step(&mut self, elapsed: Duration) {
        let now = Slot::at(now_ms());
        for (i, topic) in TOPICS.iter().enumerate() {
            let due = self.meters[i].due(topic.per_second, elapsed);
            self.written[i] = due.end;
            for n in due {
                self.standin
                    .append(topic.name, topic.partition(n), (1, now.clone()));
            }
        }
        for member in &mut self.members {
            let written = TOPICS
                .iter()
                .zip(self.written)
                .find(|(topic, _)| topic.name == member.reader.topic.name);
            member.step(&self.standin, elapsed, written.map_or(0, |(_, n)| n));
        }
    }

    /// Ends the stand-in, and waits until it has ended.
    pub(super) async fn stop(self) {
        self.standin.shutdown().await;
    }
}

// === impl SimulatedMember ===

impl SimulatedMember {
    /// Reads the records that are due, over all partitions in the order in which they were written, and commits their offsets.
    fn step(&mut self, standin: &StandIn, elapsed: Duration, written: u64) {
        let Reader {
            group,
            topic,
            read_rate,
            ..
        } = self.reader;
        match (self.presence, read_rate.budget(elapsed, self.n_read)) {
            (MemberPresence::Left, _) => {}
            (MemberPresence::Here, Budget::Leave) => {
                standin.set_members(group, Vec::new());
                standin.set_group_state(group, GroupState::Empty);
                self.presence = MemberPresence::Left;
            }
            (MemberPresence::Here, Budget::Read(most)) => {
                let end = written.min(self.n_read.saturating_add(most));
                for n in self.n_read..end {
                    standin.commit(group, topic.name, (topic.partition(n), topic.offset(n) + 1));
                }
                self.n_read = end;
            }
        }
    }
}
