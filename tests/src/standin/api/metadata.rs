//! `Metadata`: brokers, topics, partition leaders.

use kafka_protocol::messages::{
    BrokerId, MetadataRequest, MetadataResponse, TopicName,
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
};

use crate::standin::{
    answer::RequestContext, cluster::Topic, code, fault::FaultSite, partition::Partition,
    protocol::text,
};

/// The value with which Kafka says that operations were not asked for.
const NO_OPERATIONS: i32 = i32::MIN;

pub(crate) fn answer(context: &RequestContext<'_>, request: &MetadataRequest) -> MetadataResponse {
    let registered = context.cluster.registered();
    let brokers = registered.iter().filter_map(|id| {
        let node = context.cluster.nodes.get(id)?;
        let broker = MetadataResponseBroker::default()
            .with_node_id(BrokerId(*id))
            .with_host(node.host.clone())
            .with_port(i32::from(node.port));
        Some(broker)
    });
    let topics = match &request.topics {
        Some(wanted) if !(wanted.is_empty() && context.version == 0) => wanted
            .iter()
            .map(|wanted| wanted_topic(context, wanted))
            .collect(),
        _ => context
            .cluster
            .topics
            .values()
            .map(|topic| known_topic(context, topic))
            .collect(),
    };
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text("stand-in-cluster-0000w")))
        .with_controller_id(BrokerId(registered.first().copied().unwrap_or(-1)))
        .with_cluster_authorized_operations(NO_OPERATIONS)
        .with_topics(topics)
}

fn wanted_topic(
    context: &RequestContext<'_>,
    wanted: &MetadataRequestTopic,
) -> MetadataResponseTopic {
    let by_id = || context.cluster.ids.get(&wanted.topic_id).cloned();
    let name = wanted
        .name
        .as_ref()
        .map(|name| name.0.clone())
        .or_else(by_id);
    let found = name.as_ref().and_then(|name| context.cluster.topic(name));
    if let Some(topic) = found {
        return known_topic(context, topic);
    }
    let unknown = match &wanted.name {
        Some(name) if !is_possible(name) => code::INVALID_TOPIC,
        Some(_) => code::UNKNOWN_TOPIC_OR_PARTITION,
        None => code::UNKNOWN_TOPIC_ID,
    };
    MetadataResponseTopic::default()
        .with_error_code(unknown)
        .with_name(name.map(TopicName))
        .with_topic_id(wanted.topic_id)
        .with_topic_authorized_operations(NO_OPERATIONS)
}

/// Returns true if Kafka accepts this name for a topic.
fn is_possible(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=249).contains(&name.len()) && name.chars().all(is_allowed) && ![".", ".."].contains(&name)
}

fn known_topic(context: &RequestContext<'_>, topic: &Topic) -> MetadataResponseTopic {
    let answer = MetadataResponseTopic::default()
        .with_name(Some(topic.name.clone()))
        .with_topic_id(topic.id)
        .with_topic_authorized_operations(NO_OPERATIONS);
    match context.fault(FaultSite::Topic(&topic.name)) {
        0 => {
            let nodes: Vec<i32> = context.cluster.nodes.keys().copied().collect();
            let partitions = (0..).zip(&topic.partitions);
            let partitions =
                partitions.map(|(index, p)| partition(context, (topic, &nodes), index, p));
            answer.with_partitions(partitions.collect())
        }
        code => answer.with_error_code(code),
    }
}

fn partition(
    context: &RequestContext<'_>,
    (topic, nodes): (&Topic, &[i32]),
    index: i32,
    partition: &Partition,
) -> MetadataResponsePartition {
    let injected = context.fault(FaultSite::Partition(&topic.name, index));
    let leaderless = if partition.leader < 0 {
        code::LEADER_NOT_AVAILABLE
    } else {
        0
    };
    let replicas = partition.replicas(nodes, topic.replicas);
    let is_registered = |node: &i32| context.cluster.is_registered(*node);
    let brokers = |ids: &mut dyn Iterator<Item = i32>| ids.map(BrokerId).collect::<Vec<_>>();
    MetadataResponsePartition::default()
        .with_error_code(if injected == 0 { leaderless } else { injected })
        .with_partition_index(index)
        .with_leader_id(BrokerId(partition.leader))
        .with_leader_epoch(partition.leader_epoch)
        .with_isr_nodes(brokers(&mut replicas.iter().copied().filter(is_registered)))
        .with_offline_replicas(brokers(
            &mut replicas.iter().copied().filter(|n| !is_registered(n)),
        ))
        .with_replica_nodes(brokers(&mut replicas.iter().copied()))
}
