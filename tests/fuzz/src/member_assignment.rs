//! Bytes that a client has stored as the assignment of a group's member.
//!
//! The case is the bytes. The property: memory is in proportion to the bytes, what is read can be a topic and a partition of Kafka, and
//! the decoder of another library reads the same.

use bytes::Buf as _;
use collector::kafka::member_assignment::{TopicAssignment, parse};
use kafka_protocol::messages::ConsumerProtocolAssignment;
use kafka_protocol::protocol::Decodable as _;

use super::case::within;

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let Ok(assigned) = within(24 * bytes.len() + 256, || parse(bytes)) else {
        return;
    };
    for TopicAssignment { topic, partitions } in &assigned {
        assert!((1..=249).contains(&topic.len()), "{topic:?}");
        assert!(topic.chars().all(|c| c.is_ascii_graphic() && c != '"'));
        assert!(partitions.iter().all(|partition| *partition >= 0));
    }
    if bytes.is_empty() {
        return assert!(assigned.is_empty());
    }
    // The other decoder allocates as many elements as a count says, so it is given only bytes whose counts have been checked.
    let mut rest = bytes;
    let version = rest.get_i16();
    let decoded = ConsumerProtocolAssignment::decode(&mut rest, version.min(3));
    let decoded = decoded.expect("what is read here is read by Kafka");
    assert_eq!(decoded.assigned_partitions.len(), assigned.len());
    for (theirs, ours) in decoded.assigned_partitions.iter().zip(&assigned) {
        assert_eq!(theirs.topic.as_str(), ours.topic);
        assert_eq!(theirs.partitions, ours.partitions);
    }
}
