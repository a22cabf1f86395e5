use std::io::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::super::record_memory::{self, Reading};
use super::*;

/// Lets no test see the readings of another one.
pub(in crate::kafka::native) static ALONE: Mutex<()> = Mutex::new(());

const CODECS: [Codec; 3] = [Codec::Gzip, Codec::Lz4, Codec::Zstd];

fn compress(codec: Codec, parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    match codec {
        Codec::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            parts.for_each(|part| encoder.write_all(&part).unwrap());
            encoder.finish().unwrap()
        }
        Codec::Lz4 => {
            let mut encoder = lz4::EncoderBuilder::new().build(Vec::new()).unwrap();
            parts.for_each(|part| encoder.write_all(&part).unwrap());
            let (bytes, result) = encoder.finish();
            result.unwrap();
            bytes
        }
        Codec::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            parts.for_each(|part| encoder.write_all(&part).unwrap());
            encoder.finish().unwrap()
        }
    }
}

/// Returns a record of message format 2 with `n_value` bytes of contents.
fn record(n_value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut length = u64::try_from(n_value).unwrap() * 2;
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.resize(bytes.len() + n_value, 0);
    bytes
}

/// Decompresses within a call that reads records, as one answer alone.
fn decompressed(codec: Codec, compressed: &[u8]) -> Result<Vec<u8>, Refused> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _reading = Reading::begin();
    record_memory::parse(|| decompress(codec, compressed).map(|it| it.as_slice().to_vec()))
}

#[test]
fn a_batch_is_what_it_was_before_it_was_compressed() {
    for codec in CODECS {
        let records: Vec<Vec<u8>> = (0..3000).map(|n| record(7 + n % 500)).collect();
        let compressed = compress(codec, records.clone().into_iter());
        assert_eq!(decompressed(codec, &compressed), Ok(records.concat()));
    }
}

#[test]
fn a_batch_that_becomes_too_large_is_refused() {
    for codec in CODECS {
        let bomb = |n: usize| compress(codec, [record(n)].into_iter());
        // The length before the record has four bytes.
        let length = decompressed(codec, &bomb(MAX_BYTES - 4)).map(|it| it.len());
        assert_eq!(length, Ok(MAX_BYTES), "{codec:?}");
        let larger = decompressed(codec, &bomb(MAX_BYTES - 3)).map(|it| it.len());
        assert_eq!(larger, Err(Refused), "{codec:?}");
    }
}

#[test]
fn a_length_that_lies_does_not_let_a_batch_become_too_large() {
    let mut bomb = compress(Codec::Gzip, [record(MAX_BYTES)].into_iter());
    let n = bomb.len();
    bomb[n - 4..].fill(0);
    assert_eq!(decompressed(Codec::Gzip, &bomb), Err(Refused));
}

#[test]
fn a_batch_of_too_many_records_is_refused() {
    for codec in CODECS {
        let tiny = |n: usize| compress(codec, (0..n).map(|_| record(6)));
        assert_eq!(
            decompressed(codec, &tiny(130_000)),
            Err(Refused),
            "{codec:?}"
        );
        assert!(decompressed(codec, &tiny(50_000)).is_ok(), "{codec:?}");
    }
}

#[test]
fn batches_of_one_answer_are_counted_together() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _reading = Reading::begin();
    let batch = compress(Codec::Zstd, (0..50_000).map(|_| record(6)));
    let results = record_memory::parse(|| [(); 4].map(|()| decompress(Codec::Zstd, &batch)));
    let refused = results.map(|result| result.is_err());
    assert_eq!(refused, [false, true, true, true]);
}

#[test]
fn data_that_cannot_be_decompressed_are_refused() {
    for codec in CODECS {
        let mut compressed = compress(codec, (0..1000).map(|_| record(100)));
        compressed.truncate(compressed.len() / 2);
        for data in [&compressed[..], &[0; 40], &[]] {
            let result = decompressed(codec, data);
            let result = result.map(|it| it.len());
            assert_eq!(result, Err(Refused), "{codec:?}");
        }
    }
}

#[test]
fn nothing_is_decompressed_while_nobody_reads() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let compressed = compress(Codec::Zstd, [record(100)].into_iter());
    let result = record_memory::parse(|| decompress(Codec::Zstd, &compressed).map(|_| ()));
    assert_eq!(result, Err(Refused));
}

/// Returns a message of format 0 or 1 with a key of 3 bytes and a value of `n_value`, after its offset.
fn message(format: u8, n_value: u8) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, format, 0];
    message.resize(if format == 0 { 6 } else { 14 }, 0);
    message.extend([0, 0, 0, 3, 1, 2, 3, 0, 0, 0, n_value]);
    message.resize(message.len() + usize::from(n_value), 9);
    let length = u8::try_from(message.len()).unwrap();
    [&[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, length], &*message].concat()
}

#[test]
fn records_of_every_message_format_are_counted() {
    let records: Vec<u8> = [6, 7, 63, 64, 9000].into_iter().flat_map(record).collect();
    assert_eq!(count_records(&records), Ok(5));
    for format in [0, 1] {
        let messages = [0, 1, 40].map(|n| message(format, n)).concat();
        assert_eq!(count_records(&messages), Ok(3), "{format}");
        let mut without_key = message(format, 40);
        let at = without_key.len() - 51;
        without_key.splice(at..at + 7, [0xff; 4]);
        without_key[11] -= 3;
        assert_eq!(count_records(&without_key), Ok(1), "{format}");
    }
}

#[test]
fn a_batch_that_is_not_records_to_its_end_is_refused() {
    let records: Vec<u8> = [6, 7, 9000].into_iter().flat_map(record).collect();
    let messages = [message(0, 7), message(1, 8)].concat();
    for batch in [&records, &messages] {
        let longer = [&**batch, &[0]].concat();
        assert_eq!(count_records(&longer), Err(Refused));
        let shorter = &batch[..batch.len() - 1];
        assert_eq!(count_records(shorter), Err(Refused));
    }
    for nothing in [&[][..], &[0; 4], &[1; 4], &[0xff; 40]] {
        assert_eq!(count_records(nothing), Err(Refused), "{nothing:?}");
    }
}

#[test]
fn records_whose_length_is_read_in_other_ways_are_refused() {
    // A length of 6 is 12; other numbers are what is left of them in 32 bits, no length, and a negative one.
    let lengths: [&[u8]; 4] = [&[0x8c, 0x80, 0x80, 0x80, 0x20], &[0x80, 0x00], &[0], &[1]];
    for length in lengths {
        let other = [length, &[0; 6]].concat();
        let batch = [record(6), other, record(6)].concat();
        assert_eq!(count_records(&batch), Err(Refused), "{length:?}");
    }
    let many = [0x8c, 0x80, 0x80, 0x80, 0x20, 0, 0, 0, 1, 1, 0].repeat(200_000);
    for codec in CODECS {
        let compressed = compress(codec, [many.clone()].into_iter());
        assert_eq!(decompressed(codec, &compressed), Err(Refused), "{codec:?}");
    }
}

#[test]
fn messages_within_the_length_of_another_are_refused() {
    let mut outer = [message(0, 7), message(0, 7)].concat();
    outer[11] = u8::try_from(outer.len() - 12).unwrap();
    assert_eq!(count_records(&outer), Err(Refused));
    let mut batch = message(1, 60);
    batch[16] = 2;
    assert_eq!(count_records(&batch), Err(Refused));
}

#[test]
fn everything_that_was_compressed_is_read_or_nothing() {
    let part = |n: usize| vec![record(n)].into_iter();
    for codec in CODECS {
        let parts = [compress(codec, part(50)), compress(codec, part(70))].concat();
        let expected = match codec {
            // Kafka reads both parts in these formats, and the first alone in the other one.
            Codec::Gzip | Codec::Zstd => Ok([record(50), record(70)].concat()),
            Codec::Lz4 => Err(Refused),
        };
        assert_eq!(decompressed(codec, &parts), expected, "{codec:?}");
        for rest in [&[0][..], &[7; 30]] {
            let compressed = [&*compress(codec, part(50)), rest].concat();
            assert_eq!(decompressed(codec, &compressed), Err(Refused), "{codec:?}");
        }
        let empty = compress(codec, std::iter::empty());
        assert_eq!(decompressed(codec, &empty), Err(Refused), "{codec:?}");
    }
}

#[test]
fn a_frame_without_its_end_is_refused() {
    // A frame of LZ4 ends with four bytes of 0, before which there are whole records.
    let mut compressed = compress(Codec::Lz4, [record(50)].into_iter());
    let n = compressed.len();
    assert_eq!(compressed[n - 8..n - 4], [0; 4]);
    compressed.truncate(n - 8);
    assert_eq!(decompressed(Codec::Lz4, &compressed), Err(Refused));
}

#[test]
fn the_chunks_of_snappys_java_library_are_added_up() {
    let length_of = |chunk: &[u8]| chunk.first().map(|&n| usize::from(n));
    let framed = [0, 0, 0, 1, 9, 0, 0, 0, 2, 200, 7];
    assert_eq!(snappy_java_length(&framed, length_of), Some(209));
    assert_eq!(snappy_java_length(&framed[..10], length_of), None);
    assert_eq!(snappy_java_length(&[0, 0, 0, 0], length_of), None);
    assert_eq!(snappy_java_length(&[0, 0], length_of), None);
    let cannot_overflow = |_: &[u8]| Some(usize::MAX);
    assert_eq!(snappy_java_length(&framed, cannot_overflow), None);
}
