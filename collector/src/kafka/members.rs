//! Who is in a group, and what it is assigned; kept while a group looks the same.
//!
//! Classic groups are described all at once, as raw bytes that are read here ([`survey`]); KIP-848 groups are described by
//! librdkafka, group by group ([`consumer`]).

mod consumer;
mod survey;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::survey::Survey;
use super::code::Code;
use super::groups::{Listed, Listing, Protocol};
use super::offsets::Committed;
use super::pass::Pass;
use super::topology::Topology;
use crate::snapshot::{
    Api, GroupState, Member, Name, Reading, Reason, TopicPartition, Unknown, Unsupported,
};

pub(super) use self::survey::Ground;

/// How long a description serves while the listed state stays the same; a rebalance between two listings shows this late.
const TTL: Duration = Duration::from_secs(120);

/// What was described.
#[derive(Debug, Default)]
pub(super) struct Members {
    groups: BTreeMap<Name, Described>,
    survey: Option<Survey>,
    /// Groups that the last survey was not told about. Whether that is a failure depends on whether they exist.
    refused: BTreeMap<Name, Code>,
}

#[derive(Debug)]
struct Described {
    /// As listed when this was asked for.
    listed: Listed,
    found: Found,
    at: Instant,
}

/// What a description says.
#[derive(Debug)]
enum Found {
    Group {
        /// As the coordinator said; it may tell what a listing does not.
        state: GroupState,
        /// Unknown where a member's assignment cannot be read.
        members: Reading<Arc<Vec<Member>>>,
    },
    /// No classic group of this name, although a broker lists one: its name has a NUL byte, at which librdkafka cuts it.
    Nobody,
}

// === impl Members ===

impl Members {
    /// Members of a group, and its state where the description tells more than the listing.
    pub(super) fn of(
        &self,
        group: &Name,
        listed: Listed,
    ) -> (Reading<Arc<Vec<Member>>>, GroupState) {
        if listed.state == GroupState::Empty {
            return (Ok(Arc::default()), listed.state);
        }
        let unknown = Unknown::new(Api::DescribeGroups, Reason::NotAsked);
        let Some(described) = self.groups.get(group) else {
            return (Err(unknown), listed.state);
        };
        match &described.found {
            Found::Group { state, members }
                if described.listed == listed && listed.state == GroupState::Unknown =>
            {
                (members.clone(), *state)
            }
            Found::Group { members, .. } => (members.clone(), listed.state),
            Found::Nobody => (Err(unknown), listed.state),
        }
    }

    /// Takes out groups that are listed under a name that is not theirs: nobody has described or committed anything by it.
    pub(super) fn leave_out_nameless(&self, committed: &mut Committed) {
        let is_nobody = |name: &Name| {
            let described = self.groups.get(name);
            described.is_some_and(|described| matches!(described.found, Found::Nobody))
        };
        let before = committed.groups.len();
        committed.groups.retain(|name, found| {
            let empty = found.rows.as_ref().is_ok_and(Vec::is_empty);
            !(empty && is_nobody(name))
        });
        committed.n_nameless += before - committed.groups.len();
    }

    /// Groups that are not shown, by type; empty while not known.
    pub(super) fn unsupported(
        &self,
        listing: &Listing,
        committed: &Committed,
    ) -> BTreeMap<Unsupported, usize> {
        let Some(survey) = &self.survey else {
            return BTreeMap::new();
        };
        let silent = survey
            .unlisted
            .iter()
            .filter(|name| !committed.groups.contains_key(*name))
            .filter(|name| !listing.groups.contains_key(*name));
        let (n_silent, n_nameless) = (silent.count(), listing.nameless.values().sum::<usize>());
        let count = |kind: Unsupported| match kind {
            Unsupported::ShareOrStreams => n_silent,
            Unsupported::NameWithNul => n_nameless + committed.n_nameless,
            kind => survey.others.get(&kind).copied().unwrap_or_default(),
        };
        Unsupported::ALL
            .into_iter()
            .map(|kind| (kind, count(kind)))
            .collect()
    }

    /// Forgets groups that are not there any more, and what is too old. Records what could not be read, in every collection
    /// that goes without it.
    pub(super) fn settle(&mut self, committed: &Committed, pass: &mut Pass<'_>) {
        let now = Instant::now();
        self.groups.retain(|name, described| {
            let is_there = committed.groups.contains_key(name);
            described.is_fresh(now) && (is_there || matches!(described.found, Found::Nobody))
        });
        if self
            .survey
            .as_ref()
            .is_some_and(|survey| !survey.is_fresh(now))
        {
            self.survey = None;
        }
        for (name, code) in std::mem::take(&mut self.refused) {
            if committed.groups.contains_key(&name) {
                let reason = pass.reason(code);
                pass.fail(Api::DescribeGroups, reason, format!("group {name}"));
            }
        }
        for (name, described) in &self.groups {
            if let Found::Group {
                members: Err(unknown),
                ..
            } = described.found
            {
                pass.fail(unknown.api, unknown.reason, format!("group {name}"));
            }
        }
    }

    /// Whether what is known of a group still holds.
    fn serves(&self, group: &Name, listed: Listed, now: Instant) -> bool {
        self.groups
            .get(group)
            .is_some_and(|known| known.listed == listed && known.is_fresh(now))
    }
}

// === impl Described ===

impl Described {
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.at) < TTL
    }
}

/// Each partition once, in order.
fn partitions<'a>(
    assigned: impl Iterator<Item = (&'a str, Vec<i32>)>,
    topology: &Topology,
) -> Vec<TopicPartition> {
    let mut all: Vec<_> = assigned
        .flat_map(|(topic, partitions)| {
            let topic = topology.name(topic);
            partitions
                .into_iter()
                .map(move |partition| TopicPartition::of(&topic, partition))
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether a group is one whose members choose what they store.
fn is_classic(listed: Listed) -> bool {
    matches!(listed.protocol, Protocol::Classic | Protocol::Unknown)
}
