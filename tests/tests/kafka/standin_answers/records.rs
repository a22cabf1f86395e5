//! Batches to produce, and fetched batches as text.

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record,
    RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// The timestamp of the record at offset 0; each following record is one second later.
pub(crate) const FIRST_MS: i64 = 1_700_000_000_000;

/// The first offset of a batch, and the number of its records.
pub(crate) type Span = (i64, i64);

/// Returns an encoded batch of records of 100 bytes each.
pub(crate) fn batch((first, n): Span) -> Bytes {
    let records: Vec<Record> = (0..n).map(|index| record(first + index, index)).collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("memory takes any batch");
    bytes.freeze()
}

fn record(at: i64, offset: i64) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: i32::try_from(offset).expect("a small offset"),
        timestamp: FIRST_MS + at * 1_000,
        key: None,
        value: Some(Bytes::from(vec![b'x'; 100])),
        headers: IndexMap::new(),
    }
}

/// Returns the records of a fetch as text: offsets, times, sizes and kinds.
pub(crate) fn describe(bytes: Option<Bytes>) -> String {
    let Some(mut bytes) = bytes else {
        return "null".to_owned();
    };
    // A broker may cut the last batch short; the incomplete batch is left out.
    let mut described = Vec::new();
    while let Ok(batch) = RecordBatchDecoder::decode(&mut bytes) {
        described.push(
            batch
                .records
                .iter()
                .map(describe_one)
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    described.join(" | ")
}

fn describe_one(record: &Record) -> String {
    // A marker has the time of its writing as its timestamp, which differs between any two clusters.
    let time = if record.control { 0 } else { record.timestamp };
    let kind = match (record.control, record.transactional) {
        (true, _) => format!("!{:?}", record.key),
        (false, true) => "t".to_owned(),
        (false, false) => String::new(),
    };
    format!(
        "{}@{time}+{:?}{kind}",
        record.offset,
        record.value.as_ref().map(Bytes::len)
    )
}
