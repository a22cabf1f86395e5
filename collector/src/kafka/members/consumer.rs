//! KIP-848 groups, described by `DescribeConsumerGroups`. Their coordinator assigns partitions, so there are no bytes in the answer
//! that a client chose the form of.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::{Described, Found, Members, partitions};
use crate::kafka::code::Code;
use crate::kafka::groups::{Listed, Listing, Protocol, STEP, state};
use crate::kafka::native::{Answer, Client, DescribedGroup, PerName, Requests};
use crate::kafka::offsets::Committed;
use crate::kafka::pass::Pass;
use crate::kafka::topology::Topology;
use crate::snapshot::{Api, GroupState, Member, Name};

/// Groups in one request.
const CHUNK: usize = 100;

/// Groups to ask each broker about, as listed.
type Due<'g> = BTreeMap<i32, Vec<(&'g Name, Listed)>>;

// === impl Members ===

impl Members {
    /// Brings the descriptions of KIP-848 groups up to date.
    pub(in crate::kafka) fn describe(
        &mut self,
        client: &Client,
        (listing, committed): (&Listing, &Committed),
        topology: &Topology,
        pass: &mut Pass<'_>,
    ) {
        let now = Instant::now();
        let mut due = Due::new();
        for (group, found) in &committed.groups {
            let broker = found.coordinator;
            let listed = listing.of(group, broker);
            let is_wanted = listed.protocol == Protocol::Consumer
                && listed.state != GroupState::Empty
                && !self.serves(group, listed, now);
            let is_there = !pass.silent.contains_key(&broker) && topology.brokers.contains(&broker);
            if is_wanted && is_there {
                due.entry(broker).or_default().push((group, listed));
            }
        }
        self.ask(client, &due, topology, pass);
    }

    fn ask(&mut self, client: &Client, due: &Due<'_>, topology: &Topology, pass: &mut Pass<'_>) {
        let mut requests = Requests::on(client);
        let mut sent = Vec::new();
        for (&broker, groups) in due {
            for chunk in groups.chunks(CHUNK) {
                let Some(timeout) = pass.timeout(Api::DescribeGroups) else {
                    break;
                };
                let names: Vec<&str> = chunk.iter().map(|(group, _)| &***group).collect();
                for _ in chunk {
                    pass.count(Api::DescribeGroups);
                }
                requests.members(broker, &names, sent.len(), timeout);
                sent.push((broker, chunk));
            }
        }
        let mut answers = Vec::new();
        while requests.n_waiting() > 0 && !pass.is_stopped() {
            if let Some((tag, Answer::Members(answer))) = requests.next(STEP) {
                answers.push((sent[tag], answer));
            }
        }
        let refused = client.refused();
        for ((broker, chunk), mut answer) in answers {
            if refused.contains(&broker) {
                answer = answer.map(without_classic);
            }
            self.keep(broker, chunk, answer, (topology, pass));
        }
    }

    fn keep(
        &mut self,
        broker: i32,
        chunk: &[(&Name, Listed)],
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
            match description {
                Ok(described) => {
                    let found = Found::Group {
                        state: state(described.state),
                        members: Ok(members(described, topology)),
                    };
                    let described = Described { listed, found, at };
                    self.groups.insert(Name::clone(group), described);
                }
                Err(code) => {
                    let reason = pass.reason(code);
                    pass.fail(Api::DescribeGroups, reason, format!("group {group}"));
                }
            }
        }
    }
}

/// Of connections that were ended lest librdkafka parse a classic group, it says only that they have ended.
fn without_classic(
    groups: Vec<(String, Result<DescribedGroup, Code>)>,
) -> Vec<(String, Result<DescribedGroup, Code>)> {
    let cause = |code| match code {
        Code::TRANSPORT => Code::GROUP_ID_NOT_FOUND,
        code => code,
    };
    let groups = groups.into_iter();
    groups
        .map(|(name, description)| (name, description.map_err(cause)))
        .collect()
}

fn members(group: DescribedGroup, topology: &Topology) -> Arc<Vec<Member>> {
    let members = group.members.into_iter().map(|member| Member {
        consumer_id: Name::from(member.consumer_id),
        client_id: Name::from(member.client_id),
        host: Name::from(member.host),
        assignment: partitions(
            member
                .assignment
                .iter()
                .map(|(topic, partition)| (&**topic, vec![*partition])),
            topology,
        ),
    });
    Arc::new(members.collect())
}
