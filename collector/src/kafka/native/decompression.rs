//! Decompressing batches of records within a bound, instead of librdkafka, which has none.
//!
//! A batch that becomes too large, and one that cannot be decompressed, are refused; librdkafka reports both as
//! `RD_KAFKA_RESP_ERR__BAD_COMPRESSION` for the partition. A batch becomes too large by its bytes, [`MAX_BYTES`], or by what its
//! records cost, [`record_memory::MAX_COST`].
//!
//! A batch is refused as well unless all of it is records, since librdkafka goes on after the last offset that the batch claims to
//! have: where it reads fewer records than the broker did, it would show the age of a later one. And the records that are counted
//! here have to be those that librdkafka makes operations for.

mod buffer;

#[cfg(test)]
mod tests;

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;

use self::buffer::Buffer;
use super::record_memory;

#[cfg(test)]
pub(super) use self::tests::ALONE;

/// The largest size of a batch when decompressed, in bytes. A producer's batch has 16 KiB by default and 1 MiB at most by default
/// of the broker, as it is sent.
pub(super) const MAX_BYTES: usize = 16 << 20;

// Every answer has room for one batch of the largest size.
const _: () = assert!(MAX_BYTES < record_memory::MAX_COST);

/// The number of bytes that a batch is first expected to become for each of its own.
const EXPECTED_RATIO: usize = 4;

/// The formats that are decompressed here. Snappy is not among them: its data begin with their decompressed length.
#[derive(Clone, Copy, Debug)]
pub(super) enum Codec {
    Gzip,
    Lz4,
    Zstd,
}

/// The outcome for a batch that becomes too large or cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// Decompresses one batch.
///
/// # Errors
/// The batch becomes too large, or cannot be decompressed.
pub(super) fn decompress(codec: Codec, compressed: &[u8]) -> Result<Buffer, Refused> {
    let limit = limit();
    let buffer = match codec {
        Codec::Gzip if gzip_length(compressed).is_some_and(|n| n > limit) => Err(Refused),
        Codec::Gzip => read(
            &mut MultiGzDecoder::new(compressed),
            compressed.len(),
            limit,
        ),
        Codec::Lz4 => read_lz4(compressed, limit),
        Codec::Zstd => zstd::Decoder::with_buffer(BufReader::new(compressed))
            .map_err(|_| Refused)
            .and_then(|mut decoder| read(&mut decoder, compressed.len(), limit)),
    }?;
    admit(buffer.as_slice())?;
    Ok(buffer)
}

/// Returns `true` if a batch of this decompressed size is accepted.
pub(super) fn fits(n_bytes: usize) -> bool {
    n_bytes <= limit()
}

/// Counts a decompressed batch against the memory for records.
///
/// # Errors
/// The batch has too many records or none, or not all of it is records.
pub(super) fn admit(decompressed: &[u8]) -> Result<(), Refused> {
    let n_records = count_records(decompressed)?;
    record_memory::admit(decompressed.len(), n_records).map_err(|_| Refused)
}

/// Returns the decompressed length of data in the framing of Snappy's Java library: chunks, each after its own length. `length_of`
/// reads the decompressed length of a chunk. `None` if the framing is broken.
pub(super) fn snappy_java_length(
    mut framed: &[u8],
    length_of: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    let mut total = 0_usize;
    while let Some((n, rest)) = framed.split_first_chunk() {
        let n = usize::try_from(u32::from_be_bytes(*n)).ok()?;
        let (chunk, rest) = rest.split_at_checked(n)?;
        total = total.checked_add(length_of(chunk)?)?;
        framed = rest;
    }
    framed.is_empty().then_some(total)
}

/// Returns the largest number of bytes that the next batch may become.
fn limit() -> usize {
    MAX_BYTES.min(record_memory::room())
}

/// Returns the length at the end of gzip data, modulo 2^32. It may be a lie, but not one that lets a batch become too large.
fn gzip_length(compressed: &[u8]) -> Option<usize> {
    let length = compressed.last_chunk()?;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

/// Decompresses one frame. Its end must be there, and be the end of the batch.
fn read_lz4(compressed: &[u8], limit: usize) -> Result<Buffer, Refused> {
    let mut decoder = lz4::Decoder::new(compressed).map_err(|_| Refused)?;
    let buffer = read(&mut decoder, compressed.len(), limit)?;
    match decoder.finish() {
        ([], Ok(())) => Ok(buffer),
        _ => Err(Refused),
    }
}

/// Reads `decoder` to its end, which must come within `limit` bytes.
fn read(decoder: &mut impl Read, n_compressed: usize, limit: usize) -> Result<Buffer, Refused> {
    // One more byte has room than is accepted, so that a batch of exactly the limit is told from a larger one.
    let most = limit + 1;
    let expected = n_compressed.saturating_mul(EXPECTED_RATIO).max(1);
    let mut buffer = Buffer::with_room_for(expected.min(most)).ok_or(Refused)?;
    loop {
        if buffer.len() > limit {
            return Err(Refused);
        }
        if buffer.spare().is_empty() && !buffer.grow(most) {
            return Err(Refused);
        }
        match decoder.read(buffer.spare()) {
            Ok(0) => return Ok(buffer),
            Ok(n) => buffer.extend_by(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Refused),
        }
    }
}

/// Returns the number of records in a decompressed batch.
///
/// # Errors
/// There is none, or not all of the batch is records.
fn count_records(batch: &[u8]) -> Result<usize, Refused> {
    // A record of message format 2 begins with its length, which is never 0. A message of an older format begins with its offset,
    // which the broker has assigned, and whose first byte is always 0.
    let skip = if batch.first() == Some(&0) {
        skip_message
    } else {
        skip_record
    };
    let (mut n, mut rest) = (0, batch);
    while !rest.is_empty() {
        rest = skip(rest).ok_or(Refused)?;
        n += 1;
    }
    // librdkafka would skip an empty batch, and show the age of a later record.
    if n == 0 { Err(Refused) } else { Ok(n) }
}

/// Skips a message of format 0 or 1: an offset of 8 bytes, a length of 4, a checksum of 4, the format, an attribute, in format 1 a
/// timestamp of 8 bytes, the key and the value. The length must be that of the whole, because librdkafka looks for the next message
/// after the value.
fn skip_message(batch: &[u8]) -> Option<&[u8]> {
    let (length, rest) = batch.get(8..)?.split_first_chunk()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    let (message, rest) = rest.split_at_checked(length)?;
    let contents = match message.get(4)? {
        0 => message.get(6..)?,
        1 => message.get(14..)?,
        // librdkafka would read a batch of format 2 here, with any number of records.
        _ => return None,
    };
    skip_bytes(skip_bytes(contents)?)?
        .is_empty()
        .then_some(rest)
}

/// Skips a length of 4 bytes, which is -1 for nothing, and as many bytes as it says.
fn skip_bytes(message: &[u8]) -> Option<&[u8]> {
    let (length, rest) = message.split_first_chunk()?;
    match i32::from_be_bytes(*length) {
        -1 => Some(rest),
        length => rest.get(usize::try_from(length).ok()?..),
    }
}

/// Skips a length, which is a zigzag number of variable length, and as many bytes as it says. Kafka ignores the bits of the number
/// above the 32nd, as librdkafka does; a length with such bits is longer than any batch here.
fn skip_record(batch: &[u8]) -> Option<&[u8]> {
    let mut length = 0_u64;
    for (i, byte) in batch.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            // An odd number stands for a negative one.
            return (length > 0 && length.is_multiple_of(2))
                .then(|| usize::try_from(length / 2).ok())
                .flatten()
                .and_then(|length| batch[i + 1..].get(length..));
        }
    }
    None
}
