//! The state of Kafka and of the stand-in before the comparison, the same in both. On real Kafka, clients make the state. In the
//! stand-in some of it is made by the same requests, and the rest by the test itself (members, transactions, log start).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::raw_kafka::ask;
use e2e::lab::wait_for;
use e2e::standin::{
    GroupSpec, MemberSpec, PartitionSpec, Records, Slot, SlotKind, StandIn, TopicSpec,
};
use kafka_protocol::{
    messages::{
        CreateTopicsRequest, DeleteRecordsRequest, FindCoordinatorRequest, GroupId,
        OffsetCommitRequest, ProduceRequest, TopicName,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::StrBytes,
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};

use super::records::{self, FIRST_MS};

const SETTLE_LIMIT: Duration = Duration::from_secs(30);

/// The members and the transaction on real Kafka, which end when this value is dropped.
pub(crate) struct Live {
    _members: Vec<BaseConsumer>,
    _transaction: BaseProducer,
}

/// Makes the state for the comparison on real Kafka; returns the clients that must stay alive.
pub(crate) fn make(address: &str) -> Result<Live> {
    make_by_requests(address)?;
    let cut = DeleteRecordsTopic::default()
        .with_name(topic_name("cut"))
        .with_partitions(vec![
            DeleteRecordsPartition::default()
                .with_partition_index(0)
                .with_offset(10),
        ]);
    let cut = DeleteRecordsRequest::default()
        .with_topics(vec![cut])
        .with_timeout_ms(10_000);
    ask(address, 1, &cut)?;
    let transaction = transactions(address)?;
    let members = vec![
        member(address, ("g-live", "client-live"), &[])?,
        member(
            address,
            ("g-next", "client-next"),
            &[("group.protocol", "consumer")],
        )?,
    ];
    drop(member(address, ("g-left", "client-left"), &[])?);
    Ok(Live {
        _members: members,
        _transaction: transaction,
    })
}

/// Makes the same state in the stand-in as on real Kafka.
pub(crate) fn make_like(kafka: &StandIn) {
    make_by_requests(&kafka.bootstrap()).expect("the stand-in takes what Kafka takes");
    kafka.set_log_start("cut", 0, 10);
    let records = Records::by(|offset| {
        let kind = match offset {
            0..5 => SlotKind::Plain,
            5..8 => SlotKind::Transactional(1),
            8 => SlotKind::Commit(1),
            9..11 => SlotKind::Transactional(2),
            11 => SlotKind::Abort(2),
            _ => SlotKind::Transactional(3),
        };
        Slot::at(FIRST_MS + offset * 1_000).of_kind(kind)
    });
    let partition = PartitionSpec::ending_at(14).stable_to(12);
    let tx = TopicSpec::new("tx", 1).partitions(|_| partition.clone());
    let tx = tx.records(records).batch_len(100);
    kafka.add_topic(tx);
    let all = |client_id| MemberSpec::new(client_id).assigned("orders", 0..3);
    kafka.add_group("g-live", GroupSpec::classic().member(all("client-live")));
    kafka.add_group("g-next", GroupSpec::consumer().member(all("client-next")));
    kafka.add_group("g-left", GroupSpec::classic());
}

fn make_by_requests(address: &str) -> Result<()> {
    create(address, ("orders", 3), &[])?;
    create(address, ("kept", 1), &[("cleanup.policy", "compact")])?;
    create(address, ("cut", 1), &[])?;
    for span in [(0, 10), (10, 10), (20, 10)] {
        produce(address, ("orders", 0), span)?;
    }
    produce(address, ("orders", 1), (0, 5))?;
    produce(address, ("cut", 0), (0, 10))?;
    produce(address, ("cut", 0), (10, 10))?;
    commit(
        address,
        "g-simple",
        &[("orders", 0, 10), ("orders", 1, 5), ("cut", 0, 3)],
    )?;
    commit(address, "g-one", &[("orders", 2, 0)])
}

fn create(
    address: &str,
    (name, n): (&str, i32),
    configs: &[(&'static str, &'static str)],
) -> Result<()> {
    let configs = configs.iter().map(|(key, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(key))
            .with_value(Some(StrBytes::from_static_str(value)))
    });
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(n)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(10_000);
    let answer = ask(address, 7, &request)?;
    ensure!(answer.topics[0].error_code == 0, "{answer:?}");
    Ok(())
}

fn produce(address: &str, (topic, partition): (&str, i32), span: records::Span) -> Result<()> {
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(records::batch(span)));
    let topic = TopicProduceData::default().with_name(topic_name(topic));
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic.with_partition_data(vec![data])]);
    until_settled(|| {
        let answer = ask(address, 9, &request)?;
        let partition = &answer.responses[0].partition_responses[0];
        ensure!(
            partition.error_code == 0 && partition.base_offset == span.0,
            "{answer:?}"
        );
        Ok(())
    })
}

fn commit(address: &str, group: &str, offsets: &[(&str, i32, i64)]) -> Result<()> {
    let topics = offsets.iter().map(|(topic, partition, offset)| {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(*partition)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(StrBytes::new()));
        OffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![partition])
    });
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_string(group.to_owned())))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(topics.collect());
    // A new cluster creates the topic for offsets only when it is asked for a coordinator, so the test asks first.
    let find = FindCoordinatorRequest::default().with_key(request.group_id.0.clone());
    until_settled(|| {
        ask(address, 2, &find)?;
        let answer = ask(address, 8, &request)?;
        let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        ensure!(
            partitions.all(|partition| partition.error_code == 0),
            "{answer:?}"
        );
        Ok(())
    })
}

/// Repeats `attempt` until it succeeds, since a new cluster has neither leaders nor coordinators for a while.
fn until_settled(attempt: impl FnMut() -> Result<()>) -> Result<()> {
    wait_for("the cluster to settle", SETTLE_LIMIT, attempt)
}

/// Writes five plain records, three of a committed transaction, two of an aborted one, and two of a transaction that stays open
/// as long as the returned producer.
fn transactions(address: &str) -> Result<BaseProducer> {
    // Transaction markers have the time of writing as their timestamp; without this setting each marker would begin a new
    // segment, and a fetch reads one segment.
    create(address, ("tx", 1), &[("segment.ms", "9223372036854775807")])?;
    produce(address, ("tx", 0), (0, 5))?;
    let committed = producer(address, "tx-1")?;
    send(&committed, 5..8)?;
    committed.commit_transaction(SETTLE_LIMIT)?;
    let aborted = producer(address, "tx-2")?;
    send(&aborted, 9..11)?;
    aborted.abort_transaction(SETTLE_LIMIT)?;
    let open = producer(address, "tx-3")?;
    send(&open, 12..14)?;
    Ok(open)
}

fn producer(address: &str, id: &str) -> Result<BaseProducer> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("transactional.id", id)
        .set("linger.ms", "200")
        .create()?;
    producer.init_transactions(SETTLE_LIMIT)?;
    producer.begin_transaction()?;
    Ok(producer)
}

fn send(producer: &BaseProducer, offsets: std::ops::Range<i64>) -> Result<()> {
    for offset in offsets {
        let value = [b'x'; 100];
        let record = BaseRecord::<(), _>::to("tx")
            .payload(&value[..])
            .partition(0);
        let sent = producer.send(record.timestamp(FIRST_MS + offset * 1_000));
        sent.map_err(|(error, _)| error)?;
    }
    producer
        .flush(SETTLE_LIMIT)
        .context("the records are not stored")
}

/// Returns a consumer that is assigned all partitions of `orders`.
fn member(
    address: &str,
    (group, client_id): (&str, &str),
    more: &[(&str, &str)],
) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address)
        .set("group.id", group)
        .set("client.id", client_id)
        .set("enable.auto.commit", "false");
    for (key, value) in more {
        config.set(*key, *value);
    }
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&["orders"])?;
    wait_for("an assignment", SETTLE_LIMIT, || {
        consumer.poll(Duration::from_millis(100));
        ensure!(
            consumer.assignment()?.count() == 3,
            "{group} lacks partitions"
        );
        Ok(())
    })?;
    Ok(consumer)
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}
