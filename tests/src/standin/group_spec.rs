//! Groups and their members, as a test describes them for the stand-in.

use bytes::Bytes;

use super::api::members;

/// The protocol that a group speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// `JoinGroup`, `SyncGroup`: the group leader assigns.
    Classic,
    /// KIP-848: the broker assigns.
    Consumer,
    /// KIP-1071: the broker assigns tasks. The requests that describe such a group are not supported by the stand-in.
    Streams,
    /// KIP-932: a queue, whose offsets are not those of consumers.
    Share,
}

/// The state of a group, as its coordinator reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// The group has no members.
    Empty,
    /// Members have their partitions.
    Stable,
    /// Classic: members are joining.
    PreparingRebalance,
    /// Classic: the leader's assignment is awaited.
    CompletingRebalance,
    /// KIP-848: the broker computes an assignment.
    Assigning,
    /// KIP-848: members move to the new assignment.
    Reconciling,
    /// The group is about to be deleted.
    Dead,
}

/// The description of one group.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    pub(crate) kind: GroupKind,
    pub(crate) listed_as: Option<GroupKind>,
    pub(crate) state: Option<GroupState>,
    pub(crate) coordinator: Option<i32>,
    pub(crate) protocol_type: String,
    pub(crate) members: Vec<MemberSpec>,
    pub(crate) commits: Vec<(String, i32, i64)>,
}

/// One member of a group, with its assigned partitions.
#[derive(Clone, Debug)]
pub struct MemberSpec {
    pub(crate) member_id: String,
    pub(crate) client_id: String,
    pub(crate) host: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) assignment: Vec<(String, Vec<i32>)>,
    /// The stored bytes of the assignment, if a test sets them; `None` means the bytes for `assignment`.
    pub(crate) stored: Option<Bytes>,
}

// === impl GroupKind ===

impl GroupKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Streams => "streams",
            Self::Share => "share",
        }
    }
}

// === impl GroupState ===

impl GroupState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Stable => "Stable",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Dead => "Dead",
        }
    }
}

// === impl GroupSpec ===

impl GroupSpec {
    /// Returns a classic consumer group without members or commits.
    pub fn classic() -> Self {
        Self {
            kind: GroupKind::Classic,
            listed_as: None,
            state: None,
            coordinator: None,
            protocol_type: "consumer".to_owned(),
            members: Vec::new(),
            commits: Vec::new(),
        }
    }

    /// Returns a KIP-848 consumer group without members or commits.
    pub fn consumer() -> Self {
        Self {
            kind: GroupKind::Consumer,
            ..Self::classic()
        }
    }

    /// Returns a Streams group (KIP-1071) without members or commits.
    pub fn streams() -> Self {
        Self {
            kind: GroupKind::Streams,
            protocol_type: "streams".to_owned(),
            ..Self::classic()
        }
    }

    /// Returns a share group (KIP-932) without members or commits.
    pub fn share() -> Self {
        Self {
            kind: GroupKind::Share,
            protocol_type: "share".to_owned(),
            ..Self::classic()
        }
    }

    /// Sets the kind that the group had when it was listed: between two requests a client may turn an empty group into one of another kind.
    #[must_use]
    pub fn listed_as(self, kind: GroupKind) -> Self {
        Self {
            listed_as: Some(kind),
            ..self
        }
    }

    /// Sets the state; the default is Stable with members and Empty without.
    #[must_use]
    pub fn state(self, state: GroupState) -> Self {
        Self {
            state: Some(state),
            ..self
        }
    }

    /// Sets the node that stores the group's offsets; by default it follows from the name, as in Kafka.
    #[must_use]
    pub fn coordinated_by(self, node: i32) -> Self {
        Self {
            coordinator: Some(node),
            ..self
        }
    }

    /// Sets the protocol type of the group: `consumer`, `connect`, or empty for commits without membership.
    #[must_use]
    pub fn protocol_type(self, protocol_type: &str) -> Self {
        Self {
            protocol_type: protocol_type.to_owned(),
            ..self
        }
    }

    /// Adds a committed offset of the group in one partition.
    #[must_use]
    pub fn committed(mut self, topic: &str, partition: i32, offset: i64) -> Self {
        self.commits.push((topic.to_owned(), partition, offset));
        self
    }

    /// Adds a member to the group.
    #[must_use]
    pub fn member(mut self, member: MemberSpec) -> Self {
        self.members.push(member);
        self
    }
}

// === impl MemberSpec ===

impl MemberSpec {
    /// Returns a member on 127.0.0.1 with this client id and no partitions.
    pub fn new(client_id: &str) -> Self {
        Self {
            member_id: format!("{client_id}-00000000-0000-4000-8000-000000000000"),
            client_id: client_id.to_owned(),
            host: "/127.0.0.1".to_owned(),
            instance_id: None,
            assignment: Vec::new(),
            stored: None,
        }
    }

    /// Sets the member id, which may contain anything.
    #[must_use]
    pub fn member_id(self, member_id: &str) -> Self {
        Self {
            member_id: member_id.to_owned(),
            ..self
        }
    }

    /// Sets the bytes that the leader of the group has stored as the member's assignment.
    #[must_use]
    pub fn stored(self, bytes: impl Into<Bytes>) -> Self {
        Self {
            stored: Some(bytes.into()),
            ..self
        }
    }

    /// Returns the bytes of the assignment that the leader of the group stores, unless [`Self::stored`] has set others.
    pub fn assignment_bytes(&self) -> Bytes {
        members::assignment(self)
    }

    /// Sets the address from which the member connected, as a broker writes it: `/10.0.0.7`.
    #[must_use]
    pub fn host(self, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..self
        }
    }

    /// Makes the member static, with this `group.instance.id`.
    #[must_use]
    pub fn instance_id(self, instance_id: &str) -> Self {
        Self {
            instance_id: Some(instance_id.to_owned()),
            ..self
        }
    }

    /// Assigns partitions of one topic to the member.
    #[must_use]
    pub fn assigned(mut self, topic: &str, partitions: impl IntoIterator<Item = i32>) -> Self {
        self.assignment
            .push((topic.to_owned(), partitions.into_iter().collect()));
        self
    }
}
