//! Tests of reading and writing records with librdkafka.

use std::time::Duration;

use e2e::standin::{Api, PartitionSpec, Records, Slot, SlotKind, StandIn, TopicSpec};
use kafka_protocol::records::Compression;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer},
};

use super::{FIRST_MS, TIMEOUT, client};

#[tokio::test]
async fn records_are_read_in_every_codec_and_size() {
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    let mut builder = StandIn::builder();
    for (index, codec) in codecs.into_iter().enumerate() {
        let size = 10 << (4 * index);
        let records = Records::by(move |offset| Slot::at(FIRST_MS + offset * 1_000).sized(size));
        let topic = TopicSpec::new(&format!("t-{index}"), 1)
            .partitions(|_| PartitionSpec::ending_at(25))
            .records(records)
            .compression(codec);
        builder = builder.topic_with(topic);
    }
    let kafka = builder.start().await;
    for index in 0..codecs.len() {
        let read = read(&kafka, (&format!("t-{index}"), 3), &[]);
        let expected = (3..25).map(|offset| (offset, FIRST_MS + offset * 1_000, 10 << (4 * index)));
        assert_eq!(read, expected.collect::<Vec<_>>());
    }
    kafka.shutdown().await;
}

/// Returns a topic with records 0 to 4, records 5 and 6 of a transaction aborted at 7, a compacted offset 8, record 9 of a
/// transaction committed at 10, and record 11 of an open one.
fn transactions() -> TopicSpec {
    let records = Records::by(|offset| {
        let kind = match offset {
            5 | 6 => SlotKind::Transactional(1),
            7 => SlotKind::Abort(1),
            8 => SlotKind::Missing,
            9 => SlotKind::Transactional(2),
            10 => SlotKind::Commit(2),
            11 => SlotKind::Transactional(3),
            _ => SlotKind::Plain,
        };
        Slot::at(FIRST_MS + offset * 1_000).of_kind(kind)
    });
    let partition = |_| PartitionSpec::ending_at(12).stable_to(11);
    TopicSpec::new("tx", 1)
        .partitions(partition)
        .records(records)
}

#[tokio::test]
async fn a_reader_of_committed_records_sees_no_aborted_and_no_open_transaction() {
    let kafka = StandIn::builder().topic_with(transactions()).start().await;
    let offsets = |level| {
        let read = read(&kafka, ("tx", 3), &[("isolation.level", level)]);
        read.into_iter()
            .map(|(offset, _, _)| offset)
            .collect::<Vec<_>>()
    };
    assert_eq!(offsets("read_uncommitted"), [3, 4, 5, 6, 9, 11]);
    assert_eq!(offsets("read_committed"), [3, 4, 9]);

    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_offset("tx", 0, Offset::End).unwrap();
    let level = [("isolation.level", "read_committed")];
    let committed = client(&kafka, &level)
        .offsets_for_times(wanted, TIMEOUT)
        .unwrap();
    assert_eq!(committed.elements()[0].offset(), Offset::Offset(11));
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_position_before_the_log_start_is_out_of_range() {
    let kafka = StandIn::builder()
        .topic("cut", 1, |_| PartitionSpec::ending_at(20).starting_at(10))
        .start()
        .await;
    let consumer = client(&kafka, &[("auto.offset.reset", "error")]);
    assign(&consumer, ("cut", 5));
    let error = consumer.poll(TIMEOUT).unwrap().unwrap_err();
    assert!(
        matches!(error, KafkaError::MessageConsumption(_)),
        "{error:?}"
    );
    assert!(error.to_string().contains("AutoOffsetReset"), "{error}");
    kafka.shutdown().await;
}

#[tokio::test]
async fn what_is_produced_and_committed_is_there_for_others() {
    let kafka = StandIn::builder()
        .topic("orders", 1, |_| PartitionSpec::ending_at(7))
        .start()
        .await;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()
        .unwrap();
    for key in ["a", "b", "c"] {
        let record = BaseRecord::to("orders")
            .key(key)
            .payload("abc")
            .timestamp(FIRST_MS + 90_000);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(TIMEOUT).unwrap();
    let written: Vec<_> = (7..10)
        .map(|offset| (offset, FIRST_MS + 90_000, 3))
        .collect();
    assert_eq!(read(&kafka, ("orders", 7), &[]), written);

    let consumer = client(&kafka, &[("group.id", "billing")]);
    let mut position = TopicPartitionList::new();
    position
        .add_partition_offset("orders", 0, Offset::Offset(9))
        .unwrap();
    consumer.commit(&position, CommitMode::Sync).unwrap();
    let row = kafka.expected()[&("billing".to_owned(), "orders".to_owned(), 0)];
    assert_eq!(
        (row.committed, row.log_start, row.high_watermark),
        (9, 0, 10)
    );
    kafka.shutdown().await;
}

#[tokio::test]
async fn an_appended_record_wakes_a_waiting_reader() {
    let kafka = StandIn::builder()
        .topic("orders", 1, |_| PartitionSpec::default())
        .start()
        .await;
    let consumer = client(
        &kafka,
        &[
            ("fetch.wait.max.ms", "20000"),
            ("socket.timeout.ms", "60000"),
        ],
    );
    assign(&consumer, ("orders", 0));
    while kafka.n_requests(Api::Fetch) == 0 {
        consumer.poll(Duration::from_millis(20));
    }
    kafka.append("orders", 0, (1, Slot::at(FIRST_MS)));
    let message = consumer.poll(Duration::from_secs(10)).unwrap().unwrap();
    assert_eq!(message.offset(), 0);
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_reader_follows_the_partition_to_its_new_leader() {
    let kafka = StandIn::builder()
        .topic("orders", 1, |_| PartitionSpec::ending_at(1).led_by(1))
        .start()
        .await;
    let consumer = client(&kafka, &[("enable.partition.eof", "false")]);
    assign(&consumer, ("orders", 0));
    assert_eq!(consumer.poll(TIMEOUT).unwrap().unwrap().offset(), 0);
    kafka.move_partition_leader("orders", 0, 2);
    kafka.append("orders", 0, (1, Slot::at(FIRST_MS)));
    assert_eq!(consumer.poll(TIMEOUT).unwrap().unwrap().offset(), 1);
    assert!(kafka.requests()[&(Api::Fetch, 2)] >= 1);
    assert!(kafka.n_requests(Api::OffsetForLeaderEpoch) >= 1);
    kafka.shutdown().await;
}

fn assign(consumer: &BaseConsumer, (topic, offset): (&str, i64)) {
    let mut position = TopicPartitionList::new();
    position
        .add_partition_offset(topic, 0, Offset::Offset(offset))
        .expect("an offset");
    consumer.assign(&position).expect("an assignment");
}

/// Reads partition 0 of a topic from an offset to the end; returns the offset, timestamp and size of every record.
fn read(kafka: &StandIn, from: (&str, i64), more: &[(&str, &str)]) -> Vec<(i64, i64, usize)> {
    let consumer = client(kafka, more);
    assign(&consumer, from);
    let mut records = Vec::new();
    loop {
        match consumer.poll(TIMEOUT).expect("a record or the end") {
            Ok(message) => {
                let time = message.timestamp().to_millis().expect("a timestamp");
                records.push((message.offset(), time, message.payload_len()));
            }
            Err(KafkaError::PartitionEOF(_)) => return records,
            Err(error) => panic!("{error}"),
        }
    }
}
