//! The state of the pretended cluster: plain values, changed as a whole, read by every answer.

use std::collections::{BTreeMap, HashMap};

use kafka_protocol::{messages::TopicName, protocol::StrBytes, records::Compression};
use uuid::Uuid;

use super::{
    partition::Partition,
    protocol::text,
    records::Records,
    spec::{GroupKind, GroupSpec, GroupState, MemberSpec, TopicSpec},
};

/// Kafka's own number of partitions of `__consumer_offsets`.
const OFFSETS_PARTITIONS: u32 = 50;

/// Kafka error codes this server gives by itself.
pub(crate) mod code {
    pub(crate) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub(crate) const LEADER_NOT_AVAILABLE: i16 = 5;
    pub(crate) const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    pub(crate) const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    pub(crate) const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    pub(crate) const NOT_COORDINATOR: i16 = 16;
    pub(crate) const UNSUPPORTED_VERSION: i16 = 35;
    pub(crate) const TOPIC_ALREADY_EXISTS: i16 = 36;
    pub(crate) const INVALID_REQUEST: i16 = 42;
    pub(crate) const GROUP_ID_NOT_FOUND: i16 = 69;
    pub(crate) const FENCED_LEADER_EPOCH: i16 = 74;
    pub(crate) const UNKNOWN_LEADER_EPOCH: i16 = 75;
    pub(crate) const UNKNOWN_TOPIC_ID: i16 = 100;
}

/// Everything a broker of this cluster could know.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) nodes: BTreeMap<i32, Node>,
    pub(crate) topics: BTreeMap<StrBytes, Topic>,
    pub(crate) groups: BTreeMap<StrBytes, Group>,
    /// Names by topic id, for requests that name topics by id.
    pub(crate) ids: HashMap<Uuid, StrBytes>,
    /// Where deleted groups were, so that their coordinator still answers for them.
    pub(crate) departed: BTreeMap<StrBytes, i32>,
    /// How many topics were ever made; the next one's id.
    n_topics_made: u64,
}

/// One broker.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) port: u16,
    pub(crate) condition: Condition,
    pub(crate) standing: Standing,
    /// Whether its port takes connections at this moment.
    pub(crate) listening: bool,
}

/// What a broker's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Running,
    /// Accepts connections and requests, answers nothing.
    Stalled,
    /// No listener, no connections.
    Stopped,
}

/// What the controller thinks of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Registered,
    /// Out of the metadata; leads nothing.
    Fenced,
}

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) id: Uuid,
    pub(crate) replicas: usize,
    pub(crate) configs: BTreeMap<String, String>,
    pub(crate) records: Records,
    pub(crate) compression: Compression,
    pub(crate) partitions: Vec<Partition>,
}

/// One consumer group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: GroupKind,
    pub(crate) state: GroupState,
    pub(crate) protocol_type: StrBytes,
    pub(crate) members: Vec<MemberSpec>,
    pub(crate) coordinator: Coordinator,
    pub(crate) commits: BTreeMap<StrBytes, BTreeMap<i32, i64>>,
}

/// Who answers for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coordinator {
    At(i32),
    /// This node will, once it has loaded the group; until then nobody lists it.
    LoadingAt(i32),
}

// === impl Cluster ===

impl Cluster {
    /// Ids of the brokers in the metadata.
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

    /// 0 if `node` answers for the group, else the code it refuses with.
    pub(crate) fn refusal(&self, node: i32, group: &str) -> i16 {
        match self.coordinator(group) {
            Coordinator::At(at) if at == node => 0,
            Coordinator::LoadingAt(at) if at == node => code::COORDINATOR_LOAD_IN_PROGRESS,
            Coordinator::At(_) | Coordinator::LoadingAt(_) => code::NOT_COORDINATOR,
        }
    }

    /// Who answers for a group, which need not exist.
    pub(crate) fn coordinator(&self, group: &str) -> Coordinator {
        match (self.group(group), self.departed.get(group.as_bytes())) {
            (Some(group), _) => group.coordinator,
            (None, Some(node)) => Coordinator::At(*node),
            (None, None) => Coordinator::At(self.home(group)),
        }
    }

    /// The node that coordinates a group by its name alone: Java's string hash, as in Kafka.
    fn home(&self, group: &str) -> i32 {
        let step = |hash: u32, unit: u16| hash.wrapping_mul(31).wrapping_add(u32::from(unit));
        let hash = group.encode_utf16().fold(0, step) & 0x7fff_ffff;
        let registered = self.registered();
        let n = registered.len().max(1);
        let index = (hash % OFFSETS_PARTITIONS) as usize % n;
        registered.get(index).copied().unwrap_or(-1)
    }

    /// Adds a topic; one of the same name is replaced under a new id.
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

    /// Adds a group, or replaces it.
    pub(crate) fn add_group(&mut self, name: &str, spec: GroupSpec) {
        let at = spec.coordinator.unwrap_or_else(|| self.home(name));
        let by_members = if spec.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::Stable
        };
        let mut commits = BTreeMap::<StrBytes, BTreeMap<i32, i64>>::new();
        for (topic, partition, offset) in spec.commits {
            // One copy of the name for all groups that commit on the topic.
            let topic = match self.topics.get(topic.as_bytes()) {
                Some(known) => known.name.0.clone(),
                None => text(&topic),
            };
            commits.entry(topic).or_default().insert(partition, offset);
        }
        let group = Group {
            kind: spec.kind,
            state: spec.state.unwrap_or(by_members),
            protocol_type: text(&spec.protocol_type),
            members: spec.members,
            coordinator: Coordinator::At(at),
            commits,
        };
        self.departed.remove(name.as_bytes());
        self.groups.insert(text(name), group);
    }

    /// Removes a group with its offsets.
    pub(crate) fn remove_group(&mut self, name: &str) {
        if let Some((name, group)) = self.groups.remove_entry(name.as_bytes()) {
            self.departed.insert(name, group.coordinator.node());
        }
    }

    /// Takes a broker out of the metadata: its partitions are led by other replicas, if there are
    /// any, and its groups are coordinated by another broker.
    pub(crate) fn fence(&mut self, node: i32) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.standing = Standing::Fenced;
        }
        let registered = self.registered();
        let all: Vec<i32> = self.nodes.keys().copied().collect();
        for topic in self.topics.values_mut() {
            for partition in topic.partitions.iter_mut().filter(|p| p.leader == node) {
                let replicas = partition.replicas(&all, topic.replicas);
                let heir = replicas.iter().find(|replica| registered.contains(replica));
                partition.lead_by(heir.copied().unwrap_or(-1));
            }
        }
        let heir = registered.first().copied().unwrap_or(-1);
        for group in self
            .groups
            .values_mut()
            .filter(|g| g.coordinator.node() == node)
        {
            group.coordinator = Coordinator::At(heir);
        }
    }

    /// Puts a broker back into the metadata; partitions without a leader that it holds are its own.
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

// === impl Coordinator ===

impl Coordinator {
    pub(crate) fn node(self) -> i32 {
        match self {
            Self::At(node) | Self::LoadingAt(node) => node,
        }
    }
}
