//! The assignment of a member of a classic group, parsed from the bytes that the group's leader has stored for it.
//!
//! The leader is a client and may store any bytes. So no length or count in them is trusted before the data itself was read, and
//! memory is bounded by the size of the bytes. The format is Kafka's `ConsumerProtocolAssignment`, versions 0 to 3, which are
//! identical; like Kafka's own consumer, this parser reads later versions as if they were the last known one.

#[cfg(test)]
mod tests;

use bytes::Buf;

/// The error that bytes are not an assignment of the consumer protocol.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no assignment of the consumer protocol")]
pub struct Malformed;

/// The partitions of one topic that are assigned to a member. Topics and partitions may occur several times.
#[derive(Debug, PartialEq, Eq)]
pub struct TopicAssignment<'a> {
    /// The topic's name, which is one that Kafka accepts.
    pub topic: &'a str,
    /// The numbers of the partitions, none of which is negative.
    pub partitions: Vec<i32>,
}

/// The largest length of a topic's name (`org.apache.kafka.common.internals.Topic.MAX_NAME_LENGTH`).
const MAX_NAME_LENGTH: usize = 249;

/// Parses an assignment. During a rebalance a member has no bytes at all, which means that nothing is assigned to it.
///
/// # Errors
/// Kafka's own consumer would refuse the bytes, or they contain a name or a number that no topic or partition can have.
pub fn parse(mut bytes: &[u8]) -> Result<Vec<TopicAssignment<'_>>, Malformed> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let version = bytes.try_get_i16().map_err(|_| Malformed)?;
    if version < 0 {
        return Err(Malformed);
    }
    let mut assigned = Vec::new();
    for _ in 0..count(&mut bytes)? {
        let topic = topic(&mut bytes)?;
        let mut partitions = Vec::new();
        for _ in 0..count(&mut bytes)? {
            partitions.push(count(&mut bytes)?);
        }
        assigned.push(TopicAssignment { topic, partitions });
    }
    user_data(&mut bytes)?;
    Ok(assigned)
}

/// Reads a number that may not be negative: a count, or a partition.
fn count(bytes: &mut &[u8]) -> Result<i32, Malformed> {
    let n = bytes.try_get_i32().map_err(|_| Malformed)?;
    if n < 0 { Err(Malformed) } else { Ok(n) }
}

/// Reads a topic's name, which must be one that Kafka accepts.
fn topic<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let length = bytes.try_get_i16().map_err(|_| Malformed)?;
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (name, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    let is_legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.iter().all(is_legal) {
        return Err(Malformed);
    }
    std::str::from_utf8(name).map_err(|_| Malformed)
}

/// Checks that the assignor's own bytes, the last part, are all there. Their length is -1 where there are none.
fn user_data(bytes: &mut &[u8]) -> Result<(), Malformed> {
    let length = bytes.try_get_i32().map_err(|_| Malformed)?;
    match usize::try_from(length) {
        Ok(length) if length <= bytes.len() => Ok(()),
        Err(_) if length == -1 => Ok(()),
        _ => Err(Malformed),
    }
}
