//! The state of the cluster: plain values, changed as a whole, read by every answer.

use std::collections::{BTreeMap, HashMap};

use kafka_protocol::{messages::TopicName, protocol::StrBytes, records::Compression};
use uuid::Uuid;

use super::{
    group_spec::{GroupKind, GroupSpec, GroupState, MemberSpec},
    partition::Partition,
    protocol::text,
    records::Records,
    topic_spec::TopicSpec,
};

/// All the facts that a broker of this cluster could know.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) nodes: BTreeMap<i32, Node>,
    pub(crate) topics: BTreeMap<StrBytes, Topic>,
    pub(crate) groups: BTreeMap<StrBytes, Group>,
    /// The names of topics by id, for requests that name topics by id.
    pub(crate) ids: HashMap<Uuid, StrBytes>,
    /// The coordinators of deleted groups, which still answer for them.
    pub(crate) departed: BTreeMap<StrBytes, i32>,
    /// The number of topics that were ever created, from which the next id is made.
    n_topics_made: u64,
    pub(crate) release: Release,
}

/// The version of Kafka that the brokers behave like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Release {
    #[default]
    Current,
    /// Kafka 2.6: topics have no ids, and Fetch has no flexible versions.
    Old,
}

/// One broker: its address, the state of its process, and its standing with the controller.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) host: StrBytes,
    pub(crate) port: u16,
    pub(crate) condition: Condition,
    pub(crate) standing: Standing,
    /// The state of the port, which follows the condition a moment later.
    pub(crate) port_is: Port,
}

/// The state of a broker's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Open,
    /// The port is bound, so that no other process takes it, but refuses connections.
    Closed,
}

/// The state of a broker's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Running,
    /// The process accepts connections and requests, but answers nothing.
    Stalled,
    /// The process has no listener and no connections.
    Stopped,
}

/// The controller's view of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Registered,
    /// The broker is not in the metadata and leads nothing.
    Fenced,
}

/// One topic, with its settings and its partitions.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) id: Uuid,
    pub(crate) replicas: usize,
    pub(crate) configs: BTreeMap<String, String>,
    pub(crate) records: Records,
    pub(crate) compression: Compression,
    /// The number of offsets that a full batch spans.
    pub(crate) batch_len: i64,
    pub(crate) partitions: Vec<Partition>,
}

/// One group, with its members and its committed offsets.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: GroupKind,
    pub(crate) listed_as: GroupKind,
    pub(crate) state: GroupState,
    pub(crate) protocol_type: StrBytes,
    pub(crate) members: Vec<MemberSpec>,
    pub(crate) coordinator: Coordinator,
    pub(crate) commits: BTreeMap<StrBytes, BTreeMap<i32, i64>>,
}

/// The coordinator of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coordinator {
    At(i32),
    /// This node is loading the group, and coordinates it after that; until then no node lists the group.
    LoadingAt(i32),
}

// === impl Cluster ===

impl Cluster {
    /// Returns the ids of the brokers in the metadata.
    pub(crate) fn registered(&self) -> Vec<i32> {
        let registered = self
            .nodes
            .iter()
            .filter(|(_, n)| n.standing == Standing::Registered);
        registered.map(|(id, _)| *id).collect()
    }

    pub(crate) fn is_registered(&self, node: i32) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|n| n.standing == Standing::Registered)
    }

    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name.as_bytes())
    }

    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<(&Topic, &Partition)> {
        let topic = self.topic(topic)?;
        let index = usize::try_from(partition).ok()?;
        topic.partitions.get(index).map(|found| (topic, found))
    }

    pub(crate) fn partition_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        let index = usize::try_from(partition).ok()?;
        self.topics
            .get_mut(topic.as_bytes())?
            .partitions
            .get_mut(index)
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name.as_bytes())
    }

    /// Adds a topic; a topic of the same name is replaced under a new id.
    pub(crate) fn add_topic(&mut self, spec: TopicSpec) {
        self.remove_topic(&spec.name);
        let nodes = self.registered();
        let replicas = spec.replicas.unwrap_or(3).clamp(1, nodes.len().max(1));
        let offset = self.topics.len();
        let partitions = spec.partitions.into_iter().enumerate();
        let partitions = partitions.map(|(index, partition)| {
            let home = nodes
                .get((index + offset) % nodes.len().max(1))
                .copied()
                .unwrap_or(-1);
            Partition::new(partition, home)
        });
        self.n_topics_made += 1;
        let id = Uuid::from_u64_pair(
            0x6b6c_6167_0000_4000,
            0x8000_0000_0000_0000 | self.n_topics_made,
        );
        let name = text(&spec.name);
        let topic = Topic {
            name: TopicName(name.clone()),
            id,
            replicas,
            configs: spec.configs,
            records: spec.records,
            compression: spec.compression,
            batch_len: spec.batch_len,
            partitions: partitions.collect(),
        };
        self.ids.insert(id, name.clone());
        self.topics.insert(name, topic);
    }

    /// Removes a topic and, as Kafka does, every offset committed on it.
    pub(crate) fn remove_topic(&mut self, name: &str) {
        let Some(topic) = self.topics.remove(name.as_bytes()) else {
            return;
        };
        self.ids.remove(&topic.id);
        for group in self.groups.values_mut() {
            group.commits.remove(name.as_bytes());
        }
    }

    /// Adds a group, or replaces the group of this name.
    pub(crate) fn add_group(&mut self, name: &str, spec: GroupSpec) {
        let at = spec.coordinator.unwrap_or_else(|| self.home(name));
        let by_members = if spec.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::Stable
        };
        let group = Group {
            kind: spec.kind,
            listed_as: spec.listed_as.unwrap_or(spec.kind),
            state: spec.state.unwrap_or(by_members),
            protocol_type: text(&spec.protocol_type),
            members: spec.members,
            coordinator: Coordinator::At(at),
            commits: BTreeMap::new(),
        };
        self.departed.remove(name.as_bytes());
        self.groups.insert(text(name), group);
        for (topic, partition, offset) in spec.commits {
            self.commit(name, &topic, (partition, offset));
        }
    }

    /// Commits an offset; a group that does not exist is created, as Kafka does for a consumer that assigns partitions to itself.
    pub(crate) fn commit(&mut self, group: &str, topic: &str, (partition, offset): (i32, i64)) {
        if self.group(group).is_none() {
            self.add_group(group, GroupSpec::classic().protocol_type(""));
        }
        // All groups that commit on the topic share one copy of its name.
        let known = self
            .topics
            .get(topic.as_bytes())
            .map(|topic| topic.name.0.clone());
        let topic = known.unwrap_or_else(|| text(topic));
        if let Some(group) = self.groups.get_mut(group.as_bytes()) {
            group
                .commits
                .entry(topic)
                .or_default()
                .insert(partition, offset);
        }
    }

    /// Removes a group with its offsets.
    pub(crate) fn remove_group(&mut self, name: &str) {
        if let Some((name, group)) = self.groups.remove_entry(name.as_bytes()) {
            self.departed.insert(name, group.coordinator.node());
        }
    }
}

// === impl Coordinator ===

impl Coordinator {
    pub(crate) fn node(self) -> i32 {
        match self {
            Self::At(node) | Self::LoadingAt(node) => node,
        }
    }
}
