//! Batches of a log, made when they are read.
//!
//! A batch spans the offsets between two multiples of the topic's batch length, or fewer where the kind of record changes:
//! the records of a transaction, and each marker, have batches of their own.

use std::{collections::BTreeSet, ops::Range, sync::LazyLock};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Crc;
use indexmap::IndexMap;
use kafka_protocol::{
    messages::{ProducerId, fetch_response::AbortedTransaction},
    records::{
        Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record, RecordBatchEncoder,
        RecordEncodeOptions, TimestampType,
    },
};

use super::{
    cluster::Topic,
    partition::Partition,
    records::{Slot, SlotKind, SlotValue},
};

/// The bytes from which values without particular content are cut.
static FILLING: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b'x'; 1 << 20]));

/// The number of bytes that a read may return.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) bytes: usize,
    pub(crate) first_batch: FirstBatch,
}

/// The rule for a first batch that is larger than the allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBatch {
    WhateverItsSize,
    WithinAllowance,
}

/// The readable part of one partition's log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) partition: &'a Partition,
    /// The offset at which the log ends for this reader.
    pub(crate) end: i64,
}

// === impl Log ===

impl Log<'_> {
    /// Returns whole batches, beginning with the one that holds `offset`, and the offsets that they span.
    pub(crate) fn read(&self, offset: i64, allowance: Allowance) -> (Bytes, Range<i64>) {
        let mut bytes = BytesMut::new();
        let length = self.topic.batch_len;
        let mut span = offset..offset;
        let mut chunk = offset - offset.rem_euclid(length);
        while chunk < self.end {
            for batch in self.batches(chunk..(chunk + length).min(self.end)) {
                let Some(last) = batch.last().map(|(offset, _)| *offset) else {
                    continue;
                };
                if last < offset {
                    continue;
                }
                let encoded = encode(&batch, self.topic.compression, self.partition.leader_epoch);
                let is_allowed = bytes.len() + encoded.len() <= allowance.bytes;
                let is_first =
                    bytes.is_empty() && allowance.first_batch == FirstBatch::WhateverItsSize;
                if !is_allowed && !is_first {
                    return (bytes.freeze(), span);
                }
                bytes.put_slice(&encoded);
                span.end = last + 1;
            }
            chunk += length;
        }
        (bytes.freeze(), span)
    }

    /// Returns the aborted transactions with records in `span`.
    pub(crate) fn aborted(&self, span: Range<i64>) -> Vec<AbortedTransaction> {
        let mut aborted = BTreeSet::new();
        for offset in span {
            let SlotKind::Transactional(producer) = self.slot(offset).kind else {
                continue;
            };
            if !self.is_aborted(producer, offset) {
                continue;
            }
            let first = self.first_of_transaction(producer, offset);
            aborted.insert((first, producer));
        }
        let aborted = aborted.into_iter().map(|(first, producer)| {
            AbortedTransaction::default()
                .with_producer_id(ProducerId(producer))
                .with_first_offset(first)
        });
        aborted.collect()
    }

    fn is_aborted(&self, producer: i64, offset: i64) -> bool {
        let later = (offset..self.partition.high_watermark).map(|offset| self.slot(offset).kind);
        let mut markers = later.filter(|kind| kind.ends_transaction_of(producer));
        markers.next() == Some(SlotKind::Abort(producer))
    }

    fn first_of_transaction(&self, producer: i64, offset: i64) -> i64 {
        let earlier = (0..=offset)
            .rev()
            .map(|offset| (offset, self.slot(offset).kind));
        let same = earlier.take_while(|(_, kind)| !kind.ends_transaction_of(producer));
        let own = same.filter(|(_, kind)| *kind == SlotKind::Transactional(producer));
        own.last().map_or(offset, |(first, _)| first)
    }

    fn slot(&self, offset: i64) -> Slot {
        self.partition.slot(&self.topic.records, offset)
    }

    fn batches(&self, offsets: Range<i64>) -> Vec<Vec<(i64, Slot)>> {
        let slots = offsets.map(|offset| (offset, self.slot(offset)));
        let mut batches = Vec::<Vec<(i64, Slot)>>::new();
        for (offset, slot) in slots.filter(|(_, slot)| slot.kind != SlotKind::Missing) {
            let previous = batches.last().and_then(|batch| batch.last());
            match (previous, batches.len().checked_sub(1)) {
                (Some((_, before)), Some(last)) if slot.joins(before) => {
                    batches[last].push((offset, slot));
                }
                _ => batches.push(vec![(offset, slot)]),
            }
        }
        batches
    }
}

// === impl SlotKind ===

impl SlotKind {
    fn ends_transaction_of(self, producer: i64) -> bool {
        matches!(self, Self::Commit(id) | Self::Abort(id) if id == producer)
    }

    fn producer(self) -> i64 {
        match self {
            Self::Plain | Self::Format0 | Self::Missing => NO_PRODUCER_ID,
            Self::Transactional(id) | Self::Commit(id) | Self::Abort(id) => id,
        }
    }

    /// Returns the key and the value of a transaction marker; `None` for other kinds.
    fn marker(self) -> Option<(Bytes, Bytes)> {
        let kind: u8 = match self {
            Self::Abort(_) => 0,
            Self::Commit(_) => 1,
            Self::Plain | Self::Format0 | Self::Missing | Self::Transactional(_) => return None,
        };
        Some((
            Bytes::copy_from_slice(&[0, 0, 0, kind]),
            Bytes::from_static(&[0; 6]),
        ))
    }
}

// === impl Slot ===

impl Slot {
    /// Returns true if this slot belongs to the batch that ends with `before`.
    fn joins(&self, before: &Self) -> bool {
        self.kind == before.kind && self.kind.marker().is_none()
    }

    fn bytes(&self) -> Bytes {
        match &self.value {
            SlotValue::Bytes(bytes) => bytes.clone(),
            SlotValue::Size(size) if *size <= FILLING.len() => FILLING.slice(..*size),
            SlotValue::Size(size) => Bytes::from(vec![b'x'; *size]),
        }
    }

    fn record(&self, offset: i64, leader_epoch: i32) -> Record {
        let value = self.bytes();
        let marker = self.kind.marker();
        let is_transactional = self.kind.producer() != NO_PRODUCER_ID;
        Record {
            transactional: is_transactional,
            control: marker.is_some(),
            delete_horizon: false,
            partition_leader_epoch: leader_epoch,
            producer_id: self.kind.producer(),
            producer_epoch: if is_transactional {
                0
            } else {
                NO_PRODUCER_EPOCH
            },
            timestamp_type: TimestampType::Creation,
            offset,
            // The encoder puts records into one batch only if their sequence numbers increase as their offsets do.
            sequence: i32::try_from(offset & 0x7fff_ffff).unwrap_or_default(),
            timestamp: self.timestamp,
            key: marker
                .as_ref()
                .map_or(self.key.clone(), |(key, _)| Some(key.clone())),
            value: Some(marker.map_or(value, |(_, value)| value)),
            headers: IndexMap::new(),
        }
    }
}

/// Encodes records as messages of format 0: offset, size, checksum, magic byte, attributes, key, value.
fn encode_format_0(batch: &[(i64, Slot)]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for (offset, slot) in batch {
        let mut message = BytesMut::new();
        message.put_slice(&[0, 0]);
        for part in [slot.key.clone(), Some(slot.bytes())] {
            message.put_i32(part.as_ref().map_or(-1, |part| length(part.len())));
            message.put_slice(&part.unwrap_or_default());
        }
        let mut checksum = Crc::new();
        checksum.update(&message);
        bytes.put_i64(*offset);
        bytes.put_i32(length(message.len()) + 4);
        bytes.put_u32(checksum.sum());
        bytes.put_slice(&message);
    }
    bytes
}

fn length(n: usize) -> i32 {
    i32::try_from(n).expect("no record is that long")
}

fn encode(batch: &[(i64, Slot)], compression: Compression, leader_epoch: i32) -> BytesMut {
    if batch.iter().any(|(_, slot)| slot.kind == SlotKind::Format0) {
        return encode_format_0(batch);
    }
    let records = batch
        .iter()
        .map(|(offset, slot)| slot.record(*offset, leader_epoch));
    let records: Vec<Record> = records.collect();
    let is_marker = records.iter().any(|record| record.control);
    let compression = if is_marker {
        Compression::None
    } else {
        compression
    };
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("memory takes any batch");
    bytes
}
