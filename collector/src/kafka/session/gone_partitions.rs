//! Partitions on which groups have commits and that the metadata lacks.
//!
//! The metadata comes from any broker, and that broker may be behind the controller: a topic that was just created is not there
//! yet. A coordinator takes commits on partitions that it knows. So it is asked about the topic before a commit is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::kafka::collection_context::CollectionContext;
use crate::kafka::error_code::ErrorCode;
use crate::kafka::metadata::Metadata;
use crate::kafka::native::{Client, DescribedTopic};
use crate::kafka::topic_requests;
use crate::kafka::unseen_assignments::is_absent;
use crate::snapshot::{Api, Name, Reason, TopicPartition};

/// The largest number of topics that one broker is asked about in a collection. Commits on further ones stay unknown.
const MAX_TOPICS_PER_BROKER: usize = 500;

/// What brokers have answered about topics, by name.
type Answers = BTreeMap<Name, Result<DescribedTopic, ErrorCode>>;

/// Returns those of the partitions in `missing` that do not exist, by the word of the broker that has a commit on each. Of the
/// others a failure is recorded, and the metadata is to be read again in the next collection.
pub(super) fn confirmed(
    client: &Client,
    missing: BTreeMap<TopicPartition, i32>,
    metadata: &mut Metadata,
    context: &mut CollectionContext<'_>,
) -> Vec<TopicPartition> {
    let answers = ask(client, &missing, metadata, context);
    let (gone, unknown): (Vec<_>, Vec<_>) =
        missing.into_keys().partition(|tp| is_gone(tp, &answers));
    if let Some(first) = unknown.first() {
        let subject = format!(
            "{}-{} and {} more with commits",
            first.topic,
            first.partition,
            unknown.len() - 1
        );
        context.record_failure(Api::Metadata, Reason::UnknownTopicOrPartition, subject);
        metadata.mark_outdated();
    }
    gone
}

/// Asks each broker in `missing` about its topics, all at once.
fn ask(
    client: &Client,
    missing: &BTreeMap<TopicPartition, i32>,
    metadata: &Metadata,
    context: &mut CollectionContext<'_>,
) -> Answers {
    let mut by_broker = BTreeMap::<i32, BTreeSet<&str>>::new();
    for (tp, broker) in missing {
        let is_silent = context.silent_brokers.contains_key(broker);
        // librdkafka fails the whole request for an empty name.
        if !tp.topic.is_empty() && !is_silent && metadata.brokers.contains(broker) {
            by_broker.entry(*broker).or_default().insert(&tp.topic);
        }
    }
    let brokers: Vec<i32> = by_broker.keys().copied().collect();
    let topics = by_broker.values().map(|topics| -> Vec<&str> {
        topics.iter().copied().take(MAX_TOPICS_PER_BROKER).collect()
    });
    let request = topic_requests::TOPIC_IDS.with_time_limit_of(Api::Metadata);
    let mut answers = Answers::new();
    for (topic, answer) in request.ask(client, &brokers, topics, context) {
        // Of two brokers the one that has the topic is not behind.
        let known = answers.entry(Name::from(topic)).or_insert(answer);
        if known.is_err() {
            *known = answer;
        }
    }
    answers
}

fn is_gone(tp: &TopicPartition, answers: &Answers) -> bool {
    match answers.get(&tp.topic) {
        Some(Ok(described)) => usize::try_from(tp.partition)
            .map_or(true, |partition| partition >= described.n_partitions),
        Some(Err(code)) => is_absent(*code),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_gone_only_by_a_brokers_word() {
        let answer = |answer| Answers::from([("t".into(), answer)]);
        let two = answer(Ok(DescribedTopic {
            id: None,
            n_partitions: 2,
        }));
        let refused = answer(Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
        let absent = answer(Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        let gone =
            |partition, answers| is_gone(&TopicPartition::of(&"t".into(), partition), answers);
        assert_eq!([1, 2, 3].map(|p| gone(p, &two)), [false, true, true]);
        assert_eq!(
            [&refused, &absent, &Answers::new()].map(|it| gone(0, it)),
            [false, true, false]
        );
    }
}
