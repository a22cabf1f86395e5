//! KIP-848 groups, described by `DescribeConsumerGroups`. Their coordinator assigns the partitions, so the answer has no bytes
//! whose form a client has chosen, and librdkafka may parse it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::claims::{Claims, KnownTopics};
use super::{DescribedAs, Description, GroupMembers, label};
use crate::kafka::collection_context::{CollectionContext, POLL_TIMEOUT};
use crate::kafka::committed_offsets::CommittedOffsets;
use crate::kafka::error_code::ErrorCode;
use crate::kafka::group_listing::{GroupListing, ListedAs, Protocol, state};
use crate::kafka::native::{
    AdminRequests, AdminResult, Client, DescribedGroup, RequestTarget, ResultsByName,
};
use crate::snapshot::{Api, GroupState, Member, Name};

/// The largest number of groups in one call.
const GROUPS_PER_REQUEST: usize = 100;

/// The groups to ask each broker about, with their entries in the listing.
type Due<'g> = BTreeMap<i32, Vec<(&'g Name, ListedAs)>>;

// === impl GroupMembers ===

impl GroupMembers {
    /// Describes the KIP-848 groups that have no description that may still be used.
    pub(in crate::kafka) fn describe_kip848(
        &mut self,
        client: &Client,
        (listing, committed): (&GroupListing, &CommittedOffsets),
        known: KnownTopics<'_>,
        context: &mut CollectionContext<'_>,
    ) {
        // The metadata may have been read again after the survey.
        self.drop_outgrown(known.metadata);
        let now = Instant::now();
        let mut due = Due::new();
        for (group, found) in &committed.groups {
            let broker = found.coordinator;
            let listed = listing.entry_of(group, broker);
            let is_wanted = listed.protocol == Protocol::Consumer
                && listed.state != GroupState::Empty
                && !self.is_current(group, listed, now);
            let is_there = !context.silent_brokers.contains_key(&broker)
                && known.metadata.brokers.contains(&broker);
            if is_wanted && is_there {
                due.entry(broker).or_default().push((group, listed));
            }
        }
        self.request(client, &due, known, context);
    }

    /// Asks each broker in `due` about its groups, and records the answers.
    fn request(
        &mut self,
        client: &Client,
        due: &Due<'_>,
        known: KnownTopics<'_>,
        context: &mut CollectionContext<'_>,
    ) {
        let mut requests = AdminRequests::on(client);
        let mut sent = Vec::new();
        for (&broker, groups) in due {
            for chunk in groups.chunks(GROUPS_PER_REQUEST) {
                let Some(timeout) = context.request_timeout(Api::DescribeGroups) else {
                    break;
                };
                let names: Vec<&str> = chunk.iter().map(|(group, _)| &***group).collect();
                for _ in chunk {
                    context.count_request(Api::DescribeGroups);
                }
                let tag = sent.len();
                requests.members(
                    RequestTarget {
                        broker,
                        tag,
                        timeout,
                    },
                    &names,
                );
                sent.push((broker, chunk));
            }
        }
        let mut answers = Vec::new();
        while requests.n_in_flight() > 0 && !context.is_abandoned() {
            if let Some((tag, AdminResult::Members(answer))) = requests.next_result(POLL_TIMEOUT) {
                answers.push((sent[tag], answer));
            }
        }
        let blocked = client.take_blocked_brokers();
        for ((broker, chunk), mut answer) in answers {
            if blocked.contains(&broker) {
                answer = answer.map(blocked_as_not_found);
            }
            self.record_answer(broker, chunk, answer, (known, context));
        }
    }

    /// Keeps the descriptions in an answer of `broker` about the groups in `chunk`, and records a failure for each error.
    fn record_answer(
        &mut self,
        broker: i32,
        chunk: &[(&Name, ListedAs)],
        answer: ResultsByName<DescribedGroup>,
        (known, context): (KnownTopics<'_>, &mut CollectionContext<'_>),
    ) {
        let groups = match answer {
            Ok(groups) => groups,
            Err(code) => {
                context.record_broker_failure(Api::DescribeGroups, broker, code);
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
                    let described = description_of(described, (listed, at), known);
                    self.groups.insert(Name::clone(group), described);
                }
                Err(code) => {
                    let reason = context.reason_of(code);
                    context.record_failure(Api::DescribeGroups, reason, format!("group {group}"));
                }
            }
        }
    }
}

/// Replaces the error of groups that turned out to be classic. librdkafka reports only that the connection has ended, because the
/// guard of classic groups ended it before librdkafka could parse such a group.
fn blocked_as_not_found(
    groups: Vec<(String, Result<DescribedGroup, ErrorCode>)>,
) -> Vec<(String, Result<DescribedGroup, ErrorCode>)> {
    let cause = |code| match code {
        ErrorCode::LOCAL_TRANSPORT => ErrorCode::GROUP_ID_NOT_FOUND,
        code => code,
    };
    let groups = groups.into_iter();
    groups
        .map(|(name, description)| (name, description.map_err(cause)))
        .collect()
}

/// Returns the description of a KIP-848 group, with the members in the order of the answer.
fn description_of(
    group: DescribedGroup,
    (listed, at): (ListedAs, Instant),
    known: KnownTopics<'_>,
) -> Description {
    let mut outgrown_by = Vec::new();
    let members = group.members.into_iter().map(|member| {
        let assigned = member.assignment.iter();
        let claims = Claims::of(assigned.map(|(topic, p)| (&**topic, vec![*p])), known);
        outgrown_by.extend(claims.outgrown_by);
        Member {
            consumer_id: label(&member.consumer_id),
            client_id: label(&member.client_id),
            host: label(&member.host),
            assignment: claims.partitions,
        }
    });
    let members = Ok(Arc::new(members.collect()));
    Description {
        listed,
        content: DescribedAs::Group {
            state: state(group.state),
            members,
        },
        at,
        outgrown_by,
        // The coordinator assigns partitions that exist, so no client can make these many.
        n_unread: 0,
    }
}
