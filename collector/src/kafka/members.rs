//! Who is in a group, and what it is assigned. Asked for only where labels show it, and kept while a group looks the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::groups::{STEP, state};
use super::native::{Answer, Client, DescribedGroup, PerName, Requests};
use super::pass::Pass;
use super::topology::Topology;
use crate::snapshot::{Api, GroupState, Member, Name, Reading, Reason, TopicPartition, Unknown};

/// How long a description serves while the listed state stays the same; a rebalance between two listings shows this late.
const TTL: Duration = Duration::from_secs(120);

/// Groups in one request.
const CHUNK: usize = 100;

/// What was described, by group.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<Name, Described>);

#[derive(Debug)]
struct Described {
    /// As listed when this was asked for.
    listed: GroupState,
    /// As the coordinator said; a KIP-848 group has states that a listing does not tell.
    state: GroupState,
    members: Reading<Arc<Vec<Member>>>,
    at: Instant,
}

/// A group to know the members of.
pub(super) struct Wanted<'g> {
    pub(super) group: &'g Name,
    pub(super) coordinator: i32,
    pub(super) listed: GroupState,
}

// === impl Members ===

impl Members {
    /// Brings the descriptions of `wanted` up to date, and forgets all others.
    pub(super) fn refresh(
        &mut self,
        client: &Client,
        wanted: &[Wanted<'_>],
        topology: &Topology,
        pass: &mut Pass<'_>,
    ) {
        let now = Instant::now();
        let mut kept = BTreeMap::new();
        let mut due: BTreeMap<i32, Vec<(&Name, GroupState)>> = BTreeMap::new();
        for &Wanted {
            group,
            coordinator,
            listed,
        } in wanted
        {
            match self.0.remove(group) {
                Some(known) if known.serves(listed, now) => {
                    kept.insert(Name::clone(group), known);
                }
                _ if listed == GroupState::Empty => {}
                _ if pass.silent.contains_key(&coordinator)
                    || !topology.brokers.contains(&coordinator) => {}
                _ => due.entry(coordinator).or_default().push((group, listed)),
            }
        }
        self.0 = kept;
        self.ask(client, &due, topology, pass);
    }

    /// Members of a group, and its state where the description tells more than the listing.
    pub(super) fn of(
        &self,
        group: &Name,
        listed: GroupState,
    ) -> (Reading<Arc<Vec<Member>>>, GroupState) {
        if listed == GroupState::Empty {
            return (Ok(Arc::default()), listed);
        }
        let unknown = Unknown::new(Api::DescribeGroups, Reason::NotAsked);
        let Some(described) = self.0.get(group) else {
            return (Err(unknown), listed);
        };
        let state = if listed == GroupState::Unknown {
            described.state
        } else {
            listed
        };
        (described.members.clone(), state)
    }

    fn ask(
        &mut self,
        client: &Client,
        due: &BTreeMap<i32, Vec<(&Name, GroupState)>>,
        topology: &Topology,
        pass: &mut Pass<'_>,
    ) {
        let mut requests = Requests::on(client);
        let mut sent = Vec::new();
        for (&broker, groups) in due {
            for chunk in groups.chunks(CHUNK) {
                let Some(timeout) = pass.timeout(Api::DescribeGroups) else {
                    break;
                };
                let names: Vec<&str> = chunk.iter().map(|(group, _)| &***group).collect();
                pass.count(Api::DescribeGroups);
                requests.members(broker, &names, sent.len(), timeout);
                sent.push((broker, chunk));
            }
        }
        while requests.n_waiting() > 0 && !pass.is_stopped() {
            if let Some((tag, Answer::Members(answer))) = requests.next(STEP) {
                let (broker, chunk) = sent[tag];
                self.keep(broker, chunk, answer, (topology, pass));
            }
        }
    }

    fn keep(
        &mut self,
        broker: i32,
        chunk: &[(&Name, GroupState)],
        answer: PerName<DescribedGroup>,
        (topology, pass): (&Topology, &mut Pass<'_>),
    ) {
        let groups = match answer {
            Ok(groups) => groups,
            Err(code) => {
                let reason = pass.reason(code);
                let unknown = pass.fail(Api::DescribeGroups, reason, format!("broker {broker}"));
                pass.heed(broker, unknown, code);
                return;
            }
        };
        let at = Instant::now();
        for (name, description) in groups {
            let Some(&(group, listed)) = chunk.iter().find(|(group, _)| ***group == *name) else {
                continue;
            };
            let (members, state) = match description {
                Ok(described) => (Ok(members(&described, topology)), state(described.state)),
                Err(code) => {
                    let reason = pass.reason(code);
                    let unknown = pass.fail(Api::DescribeGroups, reason, format!("group {group}"));
                    (Err(unknown), GroupState::Unknown)
                }
            };
            self.0.insert(
                Name::clone(group),
                Described {
                    listed,
                    state,
                    members,
                    at,
                },
            );
        }
    }
}

fn members(group: &DescribedGroup, topology: &Topology) -> Arc<Vec<Member>> {
    let members = group.members.iter().map(|member| Member {
        consumer_id: Name::from(&*member.consumer_id),
        client_id: Name::from(&*member.client_id),
        host: Name::from(&*member.host),
        assignment: member
            .assignment
            .iter()
            .map(|(topic, partition)| TopicPartition::of(&topology.name(topic), *partition))
            .collect(),
    });
    Arc::new(members.collect())
}

// === impl Described ===

impl Described {
    /// A failed description serves no longer than the collection that asked for it.
    fn serves(&self, listed: GroupState, now: Instant) -> bool {
        self.members.is_ok() && self.listed == listed && now.duration_since(self.at) < TTL
    }
}
