//! The cleanup policies of topics, which tell compacted ones. They hardly ever change, so answers are kept for long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::collection_context::{CollectionContext, POLL_TIMEOUT};
use super::metadata::Metadata;
use super::native::{AdminRequests, AdminResult, Client, RequestTarget, ResultsByName};
use crate::snapshot::{Api, Compaction, Name, Reading, Reason, Unknown};

/// The largest number of topics in one request.
const TOPICS_PER_REQUEST: usize = 500;

/// The longest time for which a refusal is kept. Missing rights are seldom granted within minutes, and each new refusal counts as
/// a failure.
const REFUSAL_TTL: Duration = Duration::from_secs(300);

/// The policy of each topic, or why it is unknown, and the time of the answer.
#[derive(Debug, Default)]
pub(super) struct CleanupPolicies(BTreeMap<Name, (Reading<Compaction>, Instant)>);

// === impl CleanupPolicies ===

impl CleanupPolicies {
    /// Asks for the policies of the topics in `metadata` that have no answer younger than `ttl`. Drops the answers of other
    /// topics.
    pub(super) fn refresh(
        &mut self,
        client: &Client,
        metadata: &Metadata,
        ttl: Duration,
        context: &mut CollectionContext<'_>,
    ) {
        self.0.retain(|topic, (policy, at)| {
            let ttl = if policy.is_ok() {
                ttl
            } else {
                ttl.min(REFUSAL_TTL)
            };
            metadata.topics.contains_key(topic) && at.elapsed() < ttl
        });
        let due: Vec<&str> = metadata
            .topics
            .keys()
            .filter(|topic| !self.0.contains_key(*topic))
            .map(|topic| &**topic)
            .collect();
        let brokers: Vec<i32> = metadata
            .brokers
            .iter()
            .copied()
            .filter(|broker| !context.silent_brokers.contains_key(broker))
            .collect();
        if due.is_empty() || brokers.is_empty() {
            return;
        }
        let mut requests = AdminRequests::on(client);
        let mut sent = Vec::new();
        for (chunk, &broker) in due.chunks(TOPICS_PER_REQUEST).zip(brokers.iter().cycle()) {
            let Some(timeout) = context.request_timeout(Api::DescribeConfigs) else {
                break;
            };
            context.count_request(Api::DescribeConfigs);
            let tag = sent.len();
            requests.cleanup_policies(
                RequestTarget {
                    broker,
                    tag,
                    timeout,
                },
                chunk,
            );
            sent.push(broker);
        }
        while requests.n_in_flight() > 0 && !context.is_abandoned() {
            if let Some((tag, AdminResult::CleanupPolicies(answer))) =
                requests.next_result(POLL_TIMEOUT)
            {
                self.record_answer(sent[tag], answer, metadata, context);
            }
        }
    }

    /// Drops the answers of these topics, because their names belong to other topics by now.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.0.retain(|topic, _| !topics.contains(topic));
    }

    /// The policy of `topic`, if it is known.
    pub(super) fn of(&self, topic: &Name) -> Reading<Compaction> {
        let unknown = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
        self.0
            .get(topic)
            .map_or(Err(unknown), |(policy, _)| *policy)
    }

    /// Keeps the policies in an answer of `broker`, and records what it refused.
    fn record_answer(
        &mut self,
        broker: i32,
        answer: ResultsByName<String>,
        metadata: &Metadata,
        context: &mut CollectionContext<'_>,
    ) {
        let topics = match answer {
            Ok(topics) => topics,
            Err(code) => {
                context.record_broker_failure(Api::DescribeConfigs, broker, code);
                return;
            }
        };
        for (topic, policy) in topics {
            let policy = policy.map(|policy| compaction(&policy)).map_err(|code| {
                let reason = context.reason_of(code);
                context.record_failure(Api::DescribeConfigs, reason, format!("topic {topic}"))
            });
            self.0
                .insert(metadata.shared_name(&topic), (policy, Instant::now()));
        }
    }
}

/// The meaning of a `cleanup.policy`, which is a list of `compact` and `delete`.
fn compaction(policy: &str) -> Compaction {
    if policy.split(',').any(|part| part.trim() == "compact") {
        Compaction::Compacted
    } else {
        Compaction::Deleted
    }
}
