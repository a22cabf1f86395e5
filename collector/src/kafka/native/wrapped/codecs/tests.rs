use std::sync::PoisonError;

use super::*;
use crate::kafka::native::Reading;
use crate::kafka::native::decompression::{ALONE, MAX_BYTES};
use crate::kafka::native::record_memory;

/// A record of message format 2 without contents.
const TINY: [u8; 7] = [12, 0, 0, 0, 1, 1, 0];

/// Calls what librdkafka calls for data without the framing of the Java library, in one answer.
fn decompressed(compressed: &[u8]) -> Option<Vec<u8>> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _reading = Reading::begin();
    record_memory::parse(|| {
        let (start, n) = (compressed.as_ptr().cast(), compressed.len());
        let mut length = 0;
        // SAFETY: the slice and the place of the length live through the call.
        if !unsafe { __wrap_rd_kafka_snappy_uncompressed_length(start, n, &raw mut length) } {
            return None;
        }
        let mut bytes = vec![0_u8; length];
        // SAFETY: the buffer has the length that the first call has read.
        let result =
            unsafe { __wrap_rd_kafka_snappy_uncompress(start, n, bytes.as_mut_ptr().cast()) };
        (result == 0).then_some(bytes)
    })
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

#[test]
fn snappy_data_are_decompressed_within_the_bounds() {
    let usual = TINY.repeat(1000);
    assert_eq!(decompressed(&compressed(&usual)), Some(usual));
    assert_eq!(decompressed(&compressed(&vec![1; MAX_BYTES + 1])), None);
    assert_eq!(decompressed(&compressed(&TINY.repeat(130_000))), None);
    assert_eq!(decompressed(&[0xff; 20]), None);
}

#[test]
fn lz4_data_with_a_faulty_checksum_are_left_to_librdkafka_if_they_are_small() {
    let mut large = vec![0_u8; MAX_LEGACY_LZ4 + 1];
    let (mut bytes, mut n) = (std::ptr::null_mut(), 0);
    // SAFETY: the data live through the call, which refuses them before it uses the broker.
    let result = unsafe {
        __wrap_rd_kafka_lz4_decompress(
            std::ptr::null_mut(),
            0,
            0,
            large.as_mut_ptr().cast(),
            large.len(),
            &raw mut bytes,
            &raw mut n,
        )
    };
    assert_eq!(
        (result, bytes, n),
        (BAD_COMPRESSION, std::ptr::null_mut(), 0)
    );
}
