//! The cleanup policies of topics, which say whether a topic is compacted. They hardly ever change, so answers are kept for long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::collection_context::CollectionContext;
use super::metadata::Metadata;
use super::native::Client;
use super::topic_requests;
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
    /// Asks for the policies of the topics in `metadata` that have no answer younger than `ttl`, or than [`REFUSAL_TTL`] where
    /// the answer was an error. Drops the answers about topics that `metadata` lacks.
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
        let chunks = due.chunks(TOPICS_PER_REQUEST);
        let answered =
            topic_requests::CLEANUP_POLICIES.ask(client, &metadata.brokers, chunks, context);
        for (topic, policy) in answered {
            let policy = policy.map(|policy| compaction(&policy)).map_err(|code| {
                let reason = context.reason_of(code);
                context.record_failure(Api::DescribeConfigs, reason, format!("topic {topic}"))
            });
            self.0
                .insert(metadata.shared_name(&topic), (policy, Instant::now()));
        }
    }

    /// Drops the answers about these topics, which were deleted and created again, so that their policies may be others.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.0.retain(|topic, _| !topics.contains(topic));
    }

    /// Returns the policy of `topic`, or why it is unknown.
    pub(super) fn of(&self, topic: &Name) -> Reading<Compaction> {
        let unknown = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
        self.0
            .get(topic)
            .map_or(Err(unknown), |(policy, _)| *policy)
    }
}

/// Parses a `cleanup.policy`, which is a list of `compact` and `delete`. A list with both counts as compacted.
fn compaction(policy: &str) -> Compaction {
    if policy.split(',').any(|part| part.trim() == "compact") {
        Compaction::Compacted
    } else {
        Compaction::Deleted
    }
}
