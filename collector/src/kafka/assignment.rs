//! What a member of a classic group is assigned, from the bytes that the group's leader has stored for it.
//!
//! The leader is a client, and may store anything. So nothing here is taken from a length or a count before it was read: memory
//! is bounded by the size of the bytes. The format is Kafka's `ConsumerProtocolAssignment`, versions 0 to 3, which all look alike;
//! Kafka's own consumer reads later ones as the last that it knows.

#[cfg(test)]
mod tests;

use bytes::Buf;

/// The bytes are no assignment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no assignment of the consumer protocol")]
pub(super) struct Malformed;

/// Partitions of a topic. A topic may come several times, and a partition too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assigned<'a> {
    pub(super) topic: &'a str,
    pub(super) partitions: Vec<i32>,
}

/// Longest name of a topic (`org.apache.kafka.common.internals.Topic.MAX_NAME_LENGTH`).
const MAX_NAME: usize = 249;

/// Reads an assignment. No bytes at all are what a member has during a rebalance: nothing is assigned to it.
///
/// # Errors
/// Anything that Kafka's own consumer would not take, and topics and partitions that cannot exist.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Vec<Assigned<'_>>, Malformed> {
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
        assigned.push(Assigned { topic, partitions });
    }
    user_data(&mut bytes)?;
    Ok(assigned)
}

/// A number that may not be negative: a count, or a partition.
fn count(bytes: &mut &[u8]) -> Result<i32, Malformed> {
    let n = bytes.try_get_i32().map_err(|_| Malformed)?;
    if n < 0 { Err(Malformed) } else { Ok(n) }
}

fn topic<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let length = bytes.try_get_i16().map_err(|_| Malformed)?;
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (name, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    let is_legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.iter().all(is_legal) {
        return Err(Malformed);
    }
    std::str::from_utf8(name).map_err(|_| Malformed)
}

/// The assignor's own bytes, -1 for none.
fn user_data(bytes: &mut &[u8]) -> Result<(), Malformed> {
    let length = bytes.try_get_i32().map_err(|_| Malformed)?;
    match usize::try_from(length) {
        Ok(length) if length <= bytes.len() => Ok(()),
        Err(_) if length == -1 => Ok(()),
        _ => Err(Malformed),
    }
}
