//! Decompressing batches of records within a bound, instead of librdkafka, which has none.
//!
//! A batch that becomes too large, and one that cannot be decompressed, are refused; librdkafka reports both as
//! `RD_KAFKA_RESP_ERR__BAD_COMPRESSION` for the partition. A batch becomes too large by its bytes, [`MAX_BYTES`], or by what its
//! records cost, [`record_memory::MAX_COST`].

mod buffer;

#[cfg(test)]
mod tests;

use std::io::{self, BufReader, Read};

use flate2::read::GzDecoder;

use self::buffer::Buffer;
use super::record_memory;

#[cfg(test)]
pub(super) use self::tests::ALONE;

/// The largest size of a batch when decompressed, in bytes. A producer's batch has 16 KiB by default and 1 MiB at most by default
/// of the broker, as it is sent.
pub(super) const MAX_BYTES: usize = 16 << 20;

// Every answer has room for one batch of the largest size.
const _: () = assert!(MAX_BYTES < record_memory::MAX_COST);

/// The largest size of a compressed batch in the faulty LZ4 framing of message format 0, in bytes. LZ4 makes at most 255 bytes of
/// one.
pub(super) const MAX_LEGACY_LZ4: usize = MAX_BYTES / 255;

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
        Codec::Gzip => read(&mut GzDecoder::new(compressed), compressed.len(), limit),
        Codec::Lz4 => lz4::Decoder::new(compressed)
            .map_err(|_| Refused)
            .and_then(|mut decoder| read(&mut decoder, compressed.len(), limit)),
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
/// The batch has too many records.
pub(super) fn admit(decompressed: &[u8]) -> Result<(), Refused> {
    record_memory::admit(decompressed.len(), count_records(decompressed)).map_err(|_| Refused)
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
            // librdkafka would skip an empty batch, and show the age of a later record.
            Ok(0) if buffer.len() == 0 => return Err(Refused),
            Ok(0) => return Ok(buffer),
            Ok(n) => buffer.extend_by(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Refused),
        }
    }
}

/// Returns the number of records in a decompressed batch, as far as it is well-formed; librdkafka reads no further either.
fn count_records(mut batch: &[u8]) -> usize {
    // A record of message format 2 begins with its length, which is never 0. A message of an older format begins with its offset,
    // whose first byte is always 0.
    let skip = if batch.first() == Some(&0) {
        skip_message
    } else {
        skip_record
    };
    let mut n = 0;
    while let Some(rest) = skip(batch) {
        n += 1;
        batch = rest;
    }
    n
}

/// Skips an offset of 8 bytes, a length of 4 and as many bytes as it says.
fn skip_message(batch: &[u8]) -> Option<&[u8]> {
    let (length, rest) = batch.get(8..)?.split_first_chunk()?;
    rest.get(usize::try_from(i32::from_be_bytes(*length)).ok()?..)
}

/// Skips a length, which is a zigzag number of variable length, and as many bytes as it says.
fn skip_record(batch: &[u8]) -> Option<&[u8]> {
    let mut length = 0_u64;
    for (i, byte) in batch.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            // An odd number stands for a negative one.
            return length
                .is_multiple_of(2)
                .then(|| usize::try_from(length / 2).ok())
                .flatten()
                .and_then(|length| batch[i + 1..].get(length..));
        }
    }
    None
}
