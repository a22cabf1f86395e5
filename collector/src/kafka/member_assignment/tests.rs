use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::{ConsumerProtocolAssignment, TopicName};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, StrBytes};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Plain = Vec<(String, Vec<i32>)>;

/// Returns an assignment in Kafka's format, as an independent library writes it.
fn stored(topics: &Plain, user_data: Option<&[u8]>, version: i16) -> Vec<u8> {
    let assigned = topics.iter().map(|(topic, partitions)| {
        TopicPartition::default()
            .with_topic(TopicName(StrBytes::from_string(topic.clone())))
            .with_partitions(partitions.clone())
    });
    let message = ConsumerProtocolAssignment::default()
        .with_assigned_partitions(assigned.collect())
        .with_user_data(user_data.map(bytes::Bytes::copy_from_slice));
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    message.encode(&mut bytes, version.min(3)).unwrap();
    bytes.to_vec()
}

fn parsed(bytes: &[u8]) -> Result<Plain, Malformed> {
    let plain = |it: TopicAssignment<'_>| (it.topic.to_owned(), it.partitions);
    parse(bytes).map(|all| all.into_iter().map(plain).collect())
}

/// Returns the assignment as an independent library reads it. The library allocates as many elements as a count says, so it may
/// only be given bytes whose counts are right.
fn read_by_schema(bytes: &[u8]) -> Plain {
    let (version, mut rest) = bytes.split_at(2);
    let version = i16::from_be_bytes(version.try_into().unwrap());
    let message = ConsumerProtocolAssignment::decode(&mut rest, version.min(3)).unwrap();
    let topics = message.assigned_partitions.into_iter();
    topics
        .map(|it| (it.topic.to_string(), it.partitions))
        .collect()
}

fn topics() -> impl Strategy<Value = Plain> {
    vec(("[a-zA-Z0-9._-]{1,20}", vec(0..9_000i32, 0..20)), 0..5)
}

proptest! {
    #[test]
    fn what_kafkas_schema_writes_is_read(topics in topics(), user in proptest::option::of(vec(any::<u8>(), 0..9)), version in 0..5i16) {
        prop_assert_eq!(parsed(&stored(&topics, user.as_deref(), version)), Ok(topics));
    }

    #[test]
    fn no_prefix_is_read(topics in topics(), cut in any::<prop::sample::Index>()) {
        let bytes = stored(&topics, None, 0);
        let n = cut.index(bytes.len() - 1) + 1;
        prop_assert_eq!(parsed(&bytes[..n]), if n == bytes.len() { Ok(topics) } else { Err(Malformed) });
    }

    #[test]
    fn what_is_read_of_spoiled_bytes_is_what_the_schema_reads(
        topics in topics(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = stored(&topics, Some(&[]), 1);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(plain) = parsed(&bytes) {
            prop_assert!(plain.iter().all(|(_, partitions)| partitions.iter().all(|p| *p >= 0)));
            prop_assert_eq!(plain, read_by_schema(&bytes));
        }
    }
}

#[test]
fn bytes_that_are_not_an_assignment_are_malformed() {
    let lone = [("orders".to_owned(), vec![0])].to_vec();
    let negative = [("orders".to_owned(), vec![-1])].to_vec();
    let impossible = [("two words".to_owned(), vec![0])].to_vec();
    let nameless = [(String::new(), vec![0])].to_vec();
    let long = [("x".repeat(250), vec![0])].to_vec();
    assert_eq!(parsed(&[]), Ok(Vec::new()), "a rebalance");
    assert_eq!(parsed(&stored(&lone, None, 0)), Ok(lone));
    for plain in [negative, impossible, nameless, long] {
        assert_eq!(
            parsed(&stored(&plain, None, 0)),
            Err(Malformed),
            "{plain:?}"
        );
    }
    for bytes in [
        &[0][..],
        &[0, 0],
        &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        // The counts of topics, of partitions, of a name's bytes and of an assignor's bytes are the largest possible, but the
        // bytes end before.
        &[0, 0, 0x7f, 0xff, 0xff, 0xff],
        &[
            0, 0, 0, 0, 0, 1, 0, 1, b't', 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ],
        &[0, 0, 0, 0, 0, 1, 0x7f, 0xff, b't'],
        &[0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe],
        // The count -1 says that the list of topics is absent, which the protocol does not allow.
        &[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(parsed(bytes), Err(Malformed), "{bytes:?}");
    }
}
