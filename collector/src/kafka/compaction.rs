//! Which topics are compacted. Hardly ever changes, so answers are kept for long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::groups::STEP;
use super::native::{Answer, Client, PerName, Requests};
use super::pass::Pass;
use super::topology::Topology;
use crate::snapshot::{Api, Compaction, Name, Reading, Reason, Unknown};

/// Topics in one request.
const CHUNK: usize = 500;

/// How long a refusal is believed: missing rights do not come and go, and each failure is counted when it happens.
const REFUSAL_TTL: Duration = Duration::from_secs(300);

/// What is known of each topic.
#[derive(Debug, Default)]
pub(super) struct Policies(BTreeMap<Name, (Reading<Compaction>, Instant)>);

// === impl Policies ===

impl Policies {
    /// Asks about the topics of `topology` whose answer is older than `ttl`, and forgets all others.
    pub(super) fn refresh(
        &mut self,
        client: &Client,
        topology: &Topology,
        ttl: Duration,
        pass: &mut Pass<'_>,
    ) {
        self.0.retain(|topic, (policy, at)| {
            let ttl = if policy.is_ok() {
                ttl
            } else {
                ttl.min(REFUSAL_TTL)
            };
            topology.topics.contains_key(topic) && at.elapsed() < ttl
        });
        let due: Vec<&str> = topology
            .topics
            .keys()
            .filter(|topic| !self.0.contains_key(*topic))
            .map(|topic| &**topic)
            .collect();
        let brokers: Vec<i32> = topology
            .brokers
            .iter()
            .copied()
            .filter(|broker| !pass.silent.contains_key(broker))
            .collect();
        if due.is_empty() || brokers.is_empty() {
            return;
        }
        let mut requests = Requests::on(client);
        let mut sent = Vec::new();
        for (chunk, &broker) in due.chunks(CHUNK).zip(brokers.iter().cycle()) {
            let Some(timeout) = pass.timeout(Api::DescribeConfigs) else {
                break;
            };
            pass.count(Api::DescribeConfigs);
            requests.cleanup_policies(broker, chunk, sent.len(), timeout);
            sent.push(broker);
        }
        while requests.n_waiting() > 0 && !pass.is_stopped() {
            if let Some((tag, Answer::CleanupPolicies(answer))) = requests.next(STEP) {
                self.keep(sent[tag], answer, topology, pass);
            }
        }
    }

    /// Forgets topics that are others by now.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.0.retain(|topic, _| !topics.contains(topic));
    }

    /// Whether `topic` is compacted.
    pub(super) fn of(&self, topic: &Name) -> Reading<Compaction> {
        let unknown = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
        self.0
            .get(topic)
            .map_or(Err(unknown), |(policy, _)| *policy)
    }

    fn keep(
        &mut self,
        broker: i32,
        answer: PerName<String>,
        topology: &Topology,
        pass: &mut Pass<'_>,
    ) {
        let topics = match answer {
            Ok(topics) => topics,
            Err(code) => {
                let reason = pass.reason(code);
                let unknown = pass.fail(Api::DescribeConfigs, reason, format!("broker {broker}"));
                pass.heed(broker, unknown, code);
                return;
            }
        };
        for (topic, policy) in topics {
            let policy = policy.map(|policy| compaction(&policy)).map_err(|code| {
                let reason = pass.reason(code);
                pass.fail(Api::DescribeConfigs, reason, format!("topic {topic}"))
            });
            self.0
                .insert(topology.name(&topic), (policy, Instant::now()));
        }
    }
}

/// What a `cleanup.policy` means: a list of `compact` and `delete`.
fn compaction(policy: &str) -> Compaction {
    if policy.split(',').any(|part| part.trim() == "compact") {
        Compaction::Compacted
    } else {
        Compaction::Deleted
    }
}
