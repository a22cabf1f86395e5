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
    assert_eq!(decompressed(&compressed(&[])), None);
}

/// Calls what librdkafka calls for data in the framing of the Java library.
fn decompressed_from_java(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut framed = Vec::new();
    for chunk in bytes.chunks(32 << 10) {
        let chunk = compressed(chunk);
        framed.extend(u32::try_from(chunk.len()).unwrap().to_be_bytes());
        framed.extend(chunk);
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _reading = Reading::begin();
    record_memory::parse(|| {
        let (mut n, mut error) = (0, [0; 100]);
        // SAFETY: the data, and the places of the length and of the error, live through the call.
        let bytes = unsafe {
            __wrap_rd_kafka_snappy_java_uncompress(
                framed.as_ptr().cast(),
                framed.len(),
                &raw mut n,
                error.as_mut_ptr(),
                error.len(),
            )
        };
        if bytes.is_null() {
            return None;
        }
        // SAFETY: the call has written as many bytes.
        let copied = unsafe { slice::from_raw_parts(bytes.cast(), n) }.to_vec();
        // SAFETY: the last use of the memory, which is of `malloc`.
        unsafe { libc::free(bytes.cast()) };
        Some(copied)
    })
}

#[test]
fn snappy_data_in_the_framing_of_the_java_library_are_decompressed_within_the_bounds() {
    // The length of a record of 1,000,000 bytes; its chunks are no records.
    let large = [&[0x80, 0x89, 0x7a][..], &vec![0; 1_000_000]].concat();
    let several = [&*TINY.repeat(1000), &*large, &*TINY.repeat(9000)].concat();
    for batch in [large, several] {
        assert!(decompressed_from_java(&batch) == Some(batch));
    }
    assert_eq!(decompressed_from_java(&TINY.repeat(130_000)), None);
    assert_eq!(decompressed_from_java(&[]), None);
    // The next call is about a whole batch again.
    assert_eq!(decompressed(&compressed(&[0; 1000])), None);
}

#[test]
fn lz4_data_with_a_faulty_checksum_are_refused() {
    let (mut data, mut bytes, mut n) = ([0_u8; 100], std::ptr::null_mut(), 0);
    // SAFETY: the data live through the call, which refuses them before it uses the broker.
    let result = unsafe {
        __wrap_rd_kafka_lz4_decompress(
            std::ptr::null_mut(),
            0,
            0,
            data.as_mut_ptr().cast(),
            data.len(),
            &raw mut bytes,
            &raw mut n,
        )
    };
    assert_eq!(
        (result, bytes, n),
        (BAD_COMPRESSION, std::ptr::null_mut(), 0)
    );
}
