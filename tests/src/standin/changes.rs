//! Changes that a test makes while the cluster runs. No answer sees half of a change.

use super::{
    GroupSpec, GroupState, MemberSpec, Slot, StandIn, TopicSpec,
    cluster::{Coordinator, Group, Release},
    partition::Partition,
};

// === impl StandIn ===

impl StandIn {
    /// Adds a topic. A topic of the same name is deleted first, so that the new one has another id.
    pub fn add_topic(&self, topic: TopicSpec) {
        self.change(|cluster| cluster.add_topic(topic));
    }

    /// Deletes a topic, and with it all offsets committed on it.
    pub fn delete_topic(&self, topic: &str) {
        self.change(|cluster| cluster.remove_topic(topic));
    }

    /// Makes the brokers answer new connections as Kafka 2.6: topics have no ids, and records of every message format are served.
    pub fn make_old(&self) {
        self.change(|cluster| cluster.release = Release::Old);
    }

    /// Appends `n` records like `slot`, which can be read at once.
    pub fn append(&self, topic: &str, partition: i32, (n, slot): (i64, Slot)) {
        self.change_partition(topic, partition, |p| {
            p.append_repeated(vec![slot], n);
        });
    }

    /// Moves the high watermark; the records below the new one are those that the test described.
    pub fn set_high_watermark(&self, topic: &str, partition: i32, offset: i64) {
        self.change_partition(topic, partition, |p| p.high_watermark = offset);
    }

    /// Moves the high watermarks of all partitions and all commits forward by `n` offsets, so that all lag stays.
    pub fn move_on(&self, n: i64) {
        self.change(|cluster| {
            let topics = cluster.topics.values_mut();
            for partition in topics.flat_map(|topic| &mut topic.partitions) {
                partition.high_watermark += n;
            }
            let groups = cluster.groups.values_mut();
            let commits = groups.flat_map(|group| group.commits.values_mut());
            for offset in commits.flat_map(|partitions| partitions.values_mut()) {
                *offset += n;
            }
        });
    }

    /// Moves the log start, as retention does.
    pub fn set_log_start(&self, topic: &str, partition: i32, offset: i64) {
        self.change_partition(topic, partition, |p| p.log_start = offset);
    }

    /// Sets the last stable offset, as an open transaction does that begins at `offset`; `None` ends the transaction.
    pub fn set_last_stable(&self, topic: &str, partition: i32, offset: Option<i64>) {
        self.change_partition(topic, partition, |p| p.last_stable = offset);
    }

    /// Makes another node lead the partition from now on, in a new epoch; the old leader refuses requests.
    pub fn move_partition_leader(&self, topic: &str, partition: i32, node: i32) {
        self.change_partition(topic, partition, |p| p.lead_by(node));
    }

    /// Leaves the partition without a leader, in a new epoch.
    pub fn take_partition_leader(&self, topic: &str, partition: i32) {
        self.change_partition(topic, partition, |p| p.lead_by(-1));
    }

    /// Commits an offset; a group that does not exist is created.
    pub fn commit(&self, group: &str, topic: &str, (partition, offset): (i32, i64)) {
        self.change(|cluster| cluster.commit(group, topic, (partition, offset)));
    }

    /// Adds a group, or replaces the group of this name.
    pub fn add_group(&self, name: &str, group: GroupSpec) {
        self.change(|cluster| cluster.add_group(name, group));
    }

    /// Deletes a group with its offsets; its coordinator then answers as for a group that never existed.
    pub fn delete_group(&self, name: &str) {
        self.change(|cluster| cluster.remove_group(name));
    }

    /// Changes the group's state as the coordinator reports it.
    pub fn set_group_state(&self, group: &str, state: GroupState) {
        self.change_group(group, |g| g.state = state);
    }

    /// Changes the members of the group, but not the group's state.
    pub fn set_members(&self, group: &str, members: Vec<MemberSpec>) {
        self.change_group(group, |g| g.members = members);
    }

    /// Makes another node coordinate the group from now on; the old coordinator answers `NOT_COORDINATOR`.
    pub fn move_coordinator(&self, group: &str, node: i32) {
        self.change_group(group, |g| g.coordinator = Coordinator::At(node));
    }

    /// Begins a move of the group's coordinator: the old coordinator has released the group and the new one is loading it, so no
    /// node lists the group. [`StandIn::move_coordinator`] ends the move.
    pub fn begin_coordinator_move(&self, group: &str, node: i32) {
        self.change_group(group, |g| g.coordinator = Coordinator::LoadingAt(node));
    }

    fn change_partition(&self, topic: &str, partition: i32, change: impl FnOnce(&mut Partition)) {
        self.change(|cluster| {
            let found = cluster.partition_mut(topic, partition);
            change(found.unwrap_or_else(|| panic!("there is no {topic}-{partition}")));
        });
    }

    fn change_group(&self, group: &str, change: impl FnOnce(&mut Group)) {
        self.change(|cluster| {
            let found = cluster.groups.get_mut(group.as_bytes());
            change(found.unwrap_or_else(|| panic!("there is no group {group}")));
        });
    }
}
