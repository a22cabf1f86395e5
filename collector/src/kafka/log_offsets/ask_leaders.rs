//! Requests for offsets to all partition leaders at the same time.

use std::collections::BTreeMap;

use super::OffsetClients;
use super::partition_leader::{LeaderAnswers, OffsetAnswers, OffsetSpec, PartitionLeader};
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::metadata::Metadata;
use crate::snapshot::{Api, TopicPartition};

/// Asks the leaders of the partitions in `wanted` for the offsets in `specs`, each leader on a thread of its own, and adds the
/// answers to `answers`. A leader that does not answer is given up for the rest of the collection.
pub(super) fn ask_leaders<'p>(
    clients: &OffsetClients<'_>,
    metadata: &Metadata,
    (wanted, specs): (impl IntoIterator<Item = &'p TopicPartition>, &[OffsetSpec]),
    answers: &mut OffsetAnswers,
    context: &mut CollectionContext<'_>,
) {
    let mut by_leader: BTreeMap<i32, Vec<&TopicPartition>> = BTreeMap::new();
    for tp in wanted {
        if let Some(leader) = metadata.partition_leader(tp)
            && !context.silent_brokers.contains_key(&leader)
        {
            by_leader.entry(leader).or_default().push(tp);
        }
    }
    let Some(timeout) = context.request_timeout(Api::ListOffsets) else {
        return;
    };
    let received: Vec<(i32, LeaderAnswers<'_>)> = std::thread::scope(|scope| {
        let running: Vec<_> = by_leader
            .iter()
            .map(|(&broker, partitions)| {
                let leader = PartitionLeader::new(clients, context, timeout);
                (broker, scope.spawn(move || leader.ask(partitions, specs)))
            })
            .collect();
        let joined = running.into_iter().map(|(broker, thread)| {
            let answers = thread.join().expect("a leader's thread does not panic");
            (broker, answers)
        });
        joined.collect()
    });
    for (broker, of_leader) in received {
        *context.requests.entry(Api::ListOffsets).or_default() += of_leader.n_requests;
        for (tp, spec, answer) in of_leader.answers {
            answers.entry(tp.clone()).or_default().set(spec, answer);
        }
        if let Some(code) = of_leader.silence {
            context.record_broker_failure(Api::ListOffsets, broker, code);
        }
    }
}
