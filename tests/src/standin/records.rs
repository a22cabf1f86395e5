//! The contents of a log at an offset, made when they are asked for, so that a log of any length costs nothing.

use std::{fmt, sync::Arc};

use bytes::Bytes;

/// The content of one offset of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The timestamp in milliseconds since 1970. A lookup by time is a binary search over offsets, so it is right only if timestamps do
    /// not decrease as offsets grow; nothing checks this.
    pub timestamp: i64,
    /// The kind of content.
    pub kind: SlotKind,
    /// The bytes of the key; `None` for a record without a key.
    pub key: Option<Bytes>,
    /// The content of the value.
    pub value: SlotValue,
}

/// The kinds of content of an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// An ordinary record.
    Plain,
    /// An ordinary record of message format 0, which has no timestamp.
    Format0,
    /// Nothing: the record was compacted away.
    Missing,
    /// A record of this producer's transaction.
    Transactional(i64),
    /// The marker that commits this producer's transaction.
    Commit(i64),
    /// The marker that aborts this producer's transaction.
    Abort(i64),
}

/// The value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotValue {
    /// A value of this number of bytes, without particular content.
    Size(usize),
    /// A value of these bytes.
    Bytes(Bytes),
}

/// The contents of a log: a function of the offset.
#[derive(Clone)]
pub struct Records(Arc<dyn Fn(i64) -> Slot + Send + Sync>);

// === impl Slot ===

impl Slot {
    /// Returns an ordinary record of 100 bytes with this timestamp.
    pub fn at(timestamp: i64) -> Self {
        Self {
            timestamp,
            kind: SlotKind::Plain,
            key: None,
            value: SlotValue::Size(100),
        }
    }

    /// Sets the size of the value.
    #[must_use]
    pub fn sized(self, size: usize) -> Self {
        Self {
            value: SlotValue::Size(size),
            ..self
        }
    }

    /// Sets the kind of content.
    #[must_use]
    pub fn of_kind(self, kind: SlotKind) -> Self {
        Self { kind, ..self }
    }
}

// === impl Records ===

impl Records {
    /// Returns a log with one record every `every_ms` milliseconds, the first at `first_ms`.
    pub fn every(every_ms: i64, first_ms: i64) -> Self {
        Self::by(move |offset| Slot::at(first_ms + offset * every_ms))
    }

    /// Returns a log whose contents at each offset are those that `slot` returns.
    pub fn by(slot: impl Fn(i64) -> Slot + Send + Sync + 'static) -> Self {
        Self(Arc::new(slot))
    }

    /// Returns the content of the log at `offset`.
    pub fn slot(&self, offset: i64) -> Slot {
        (self.0)(offset)
    }
}

impl Default for Records {
    /// Returns a log with one record a second from 2023-11-14 22:13:20 UTC on.
    fn default() -> Self {
        Self::every(1_000, 1_700_000_000_000)
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Records")
    }
}
