//! The memory of records that were fetched and not yet taken from the client, in all clients of the process together.
//!
//! Every client that may produce chooses how large a batch becomes when it is decompressed, and how many records it has. So one
//! answer is parsed at a time, and only when those before it have left little: a broker's thread waits here until the reader has
//! taken their records. What one answer has of a partition may then cost [`MAX_COST`] at most, unless it is not compressed: then it
//! is as large as the broker has sent it, some fifty times that in the worst case of records without contents.
//!
//! librdkafka keeps the records of a partition that was unassigned while they were parsed, until the partition is fetched again or
//! the client is destroyed. Nobody takes these, so nothing waits for them. A client that has left many behind has to be given up.
//!
//! Between the calls that read records nothing waits and nothing is decompressed, so that a change of the assignment, and the end
//! of a client, find librdkafka's threads free.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The memory that librdkafka needs for one record beside its bytes: its operation, as allocated.
const RECORD_COST: usize = 400;

/// The largest cost, in bytes, of the compressed batches that one answer has of one partition.
pub(super) const MAX_COST: usize = 32 << 20;

/// The cost, in bytes, of records not yet taken beyond which no answer is parsed.
const ENOUGH: usize = 16 << 20;

/// The cost, in bytes, of records that may be left behind.
const MAX_LEFT_BEHIND: usize = 32 << 20;

/// The time between two looks whether there is room.
const LOOK_INTERVAL: Duration = Duration::from_micros(500);

/// The time after which records that were not taken count as left behind.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// Held while an answer is parsed.
static PARSING: Mutex<()> = Mutex::new(());

/// The number of records that librdkafka holds.
static N_RECORDS: AtomicUsize = AtomicUsize::new(0);

/// The number of bytes of the decompressed batches whose records librdkafka holds.
static N_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The cost of the records that librdkafka holds and that nobody takes.
static LEFT_BEHIND: AtomicUsize = AtomicUsize::new(0);

/// The number of calls in progress that read records.
static N_READERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The cost so far of what this thread parses; `None` while it parses nothing.
    static COST: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A call in progress that takes records.
#[derive(Debug)]
pub(in crate::kafka) struct Reading(());

/// The outcome for what would need too much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

// === impl Reading ===

impl Reading {
    /// Begins: from now on, records are taken until the value is dropped.
    pub(in crate::kafka) fn begin() -> Self {
        if N_READERS.fetch_add(1, Ordering::SeqCst) == 0 {
            LEFT_BEHIND.store(held(), Ordering::SeqCst);
        }
        Self(())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        N_READERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Calls `parse`, which parses what an answer has of one partition, after the answers before it have left room.
pub(super) fn parse<T>(parse: impl FnOnce() -> T) -> T {
    let _parsing = loop {
        // The thread waits for room without the lock, so that it does not hold up the threads of a client that has room.
        wait_for_room();
        // Nothing that the lock guards can be left half-done.
        let parsing = PARSING.lock().unwrap_or_else(PoisonError::into_inner);
        if has_room() {
            break parsing;
        }
    };
    COST.set(Some(0));
    let result = parse();
    COST.set(None);
    result
}

/// Returns `true` while this thread parses an answer.
pub(super) fn is_parsing() -> bool {
    COST.get().is_some()
}

/// Returns the number of bytes that the next batch may have, without regard to the number of its records: 0 while nobody reads.
pub(super) fn room() -> usize {
    if is_read() {
        MAX_COST.saturating_sub(COST.get().unwrap_or_default())
    } else {
        0
    }
}

/// Counts a batch of this number of bytes and of `n_records`.
///
/// # Errors
/// The batch needs more than [`room`].
pub(super) fn admit(n_bytes: usize, n_records: usize) -> Result<(), TooLarge> {
    let cost = n_bytes.saturating_add(n_records.saturating_mul(RECORD_COST));
    if cost > room() {
        return Err(TooLarge);
    }
    COST.set(COST.get().map(|so_far| so_far + cost));
    Ok(())
}

/// Returns `true` if so many records were left behind during the calls in progress that clients have to be given up.
pub(in crate::kafka) fn much_is_left_behind() -> bool {
    LEFT_BEHIND.load(Ordering::SeqCst) > MAX_LEFT_BEHIND
}

/// Returns `true` if librdkafka holds so many records that a client whose records were all taken has left many behind, or another
/// client has.
pub(in crate::kafka) fn much_is_held() -> bool {
    held() > MAX_LEFT_BEHIND
}

/// Returns the cost of the records that librdkafka holds, in bytes.
fn held() -> usize {
    let of_records = N_RECORDS.load(Ordering::SeqCst) * RECORD_COST;
    of_records + N_BYTES.load(Ordering::SeqCst)
}

/// Counts the memory of a decompressed batch.
pub(super) fn count_new_bytes(n: usize) {
    N_BYTES.fetch_add(n, Ordering::SeqCst);
}

/// Counts the memory of a decompressed batch as freed.
pub(super) fn count_freed_bytes(n: usize) {
    N_BYTES.fetch_sub(n, Ordering::SeqCst);
}

/// Counts a record that librdkafka makes.
pub(super) fn count_new_record() {
    N_RECORDS.fetch_add(1, Ordering::SeqCst);
}

/// Counts a record that was counted as new as freed.
pub(super) fn count_freed_record() {
    N_RECORDS.fetch_sub(1, Ordering::SeqCst);
}

/// Returns the number of records that librdkafka holds.
#[cfg(test)]
pub(super) fn n_records() -> usize {
    N_RECORDS.load(Ordering::SeqCst)
}

fn is_read() -> bool {
    N_READERS.load(Ordering::SeqCst) > 0
}

/// Returns `true` if the records that librdkafka holds, without those that were left behind, cost little, or if nobody takes any.
fn has_room() -> bool {
    let held = held();
    let left_behind = LEFT_BEHIND.fetch_min(held, Ordering::SeqCst).min(held);
    held - left_behind <= ENOUGH || !is_read()
}

/// Waits until there is room, or until nobody has taken a record for a while.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of librdkafka waits, which has no runtime"
)]
fn wait_for_room() {
    let mut least = usize::MAX;
    let mut since = Instant::now();
    while !has_room() {
        let held = held();
        if held < least {
            (least, since) = (held, Instant::now());
        } else if since.elapsed() >= MAX_WAIT {
            LEFT_BEHIND.store(held, Ordering::SeqCst);
            return;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}
