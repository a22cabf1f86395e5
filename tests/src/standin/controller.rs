//! The roles of brokers: group coordinators, partition leaders, brokers coming and going.

use super::{
    cluster::{Cluster, Coordinator, Standing},
    code,
};

/// Kafka's own number of partitions of `__consumer_offsets`.
const OFFSETS_PARTITIONS: u32 = 50;

// === impl Cluster ===

impl Cluster {
    /// Returns 0 if `node` answers for the group, else the error code with which it refuses.
    pub(crate) fn refusal(&self, node: i32, group: &str) -> i16 {
        match self.coordinator(group) {
            Coordinator::At(at) if at == node => 0,
            Coordinator::LoadingAt(at) if at == node => code::COORDINATOR_LOAD_IN_PROGRESS,
            Coordinator::At(_) | Coordinator::LoadingAt(_) => code::NOT_COORDINATOR,
        }
    }

    /// Returns the coordinator of a group; the group need not exist.
    pub(crate) fn coordinator(&self, group: &str) -> Coordinator {
        match (self.group(group), self.departed.get(group.as_bytes())) {
            (Some(group), _) => group.coordinator,
            (None, Some(node)) => Coordinator::At(*node),
            (None, None) => Coordinator::At(self.home(group)),
        }
    }

    /// Returns the node that coordinates a group unless a test says otherwise, from Java's hash of the group's name as in Kafka.
    pub(crate) fn home(&self, group: &str) -> i32 {
        let step = |hash: u32, unit: u16| hash.wrapping_mul(31).wrapping_add(u32::from(unit));
        let hash = group.encode_utf16().fold(0, step) & 0x7fff_ffff;
        let registered = self.registered();
        let n = registered.len().max(1);
        let index = (hash % OFFSETS_PARTITIONS) as usize % n;
        registered.get(index).copied().unwrap_or(-1)
    }

    /// Removes a broker from the metadata: its partitions are led by other replicas, if there are any, and its groups are coordinated by
    /// another broker.
    pub(crate) fn fence(&mut self, node: i32) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.standing = Standing::Fenced;
        }
        let registered = self.registered();
        let all: Vec<i32> = self.nodes.keys().copied().collect();
        for topic in self.topics.values_mut() {
            for partition in topic.partitions.iter_mut().filter(|p| p.leader == node) {
                let replicas = partition.replicas(&all, topic.replicas);
                let new_leader = replicas.iter().find(|replica| registered.contains(replica));
                partition.lead_by(new_leader.copied().unwrap_or(-1));
            }
        }
        let new_leader = registered.first().copied().unwrap_or(-1);
        for group in self
            .groups
            .values_mut()
            .filter(|g| g.coordinator.node() == node)
        {
            group.coordinator = Coordinator::At(new_leader);
        }
    }

    /// Puts a broker back into the metadata, as the leader of those of its partitions that have no leader.
    pub(crate) fn unfence(&mut self, node: i32) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.standing = Standing::Registered;
        }
        let all: Vec<i32> = self.nodes.keys().copied().collect();
        for topic in self.topics.values_mut() {
            for partition in topic.partitions.iter_mut().filter(|p| p.leader == -1) {
                if partition.replicas(&all, topic.replicas).contains(&node) {
                    partition.lead_by(node);
                }
            }
        }
    }
}
