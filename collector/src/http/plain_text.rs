//! The inflated text of an exposition, for clients that accept no gzip.
//!
//! Inflating tens of megabytes takes tens of milliseconds of CPU per client, so it is limited:
//! - Inflating runs on the threads for blocking work, one chunk at a time for all clients together. The threads that answer
//!   probes stay free, and at most one core is busy with it.
//! - Few clients are served at a time, in the order in which they came; the others wait, for a bounded time. Serving all at once
//!   would make all of them late.
//! - A chunk is inflated after the one before it has been sent. A slow client costs a few chunks of memory and its slot, which it
//!   has to give up after [`SLOT_TIME`] if others are waiting.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::buf::Reader;
use bytes::{Buf, Bytes, BytesMut};
use flate2::bufread::GzDecoder;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// The number of clients that are served at a time. Each costs a decoder of some 50 KB, and three chunks.
pub(super) const N_SLOTS: usize = 8;

/// The longest time a request waits for a free slot: less than the 10 s for which Prometheus waits by default, so that the client
/// is told why it gets nothing.
pub(super) const QUEUE_TIMEOUT: Duration = Duration::from_secs(8);

/// The time for which a client may keep its slot while others wait. A client that reads without pauses needs a fraction of that
/// time.
pub(super) const SLOT_TIME: Duration = Duration::from_secs(5);

/// The size of a chunk of inflated text, in bytes. To inflate one takes a fraction of a millisecond.
const CHUNK: usize = 128 * 1024;

/// The size of the length field at the end of a gzip member, in bytes.
const LENGTH: usize = size_of::<u32>();

/// The slots of all clients. Clones share the same slots.
#[derive(Clone, Debug)]
pub(super) struct TextSlots {
    free: Arc<Semaphore>,
    queue: Arc<watch::Sender<Queue>>,
    /// The only permit to inflate a chunk, so that one chunk is inflated at a time.
    inflating: Arc<Semaphore>,
}

/// The slot of one client, which is free again when this value is dropped.
#[derive(Debug)]
pub(super) struct TextSlot {
    text_slots: TextSlots,
    /// The instant from which on the slot is given up if another client waits.
    until: Instant,
    _taken: OwnedSemaphorePermit,
}

/// The clients that wait for a slot.
#[derive(Debug, Default)]
struct Queue {
    /// The number of waiting clients.
    waiting: usize,
    /// The number of waiting clients for which another client has given up its slot already, so that no further slot is needed
    /// for them. A client that leaves the queue lowers it by one, with a slot or without: a slot that was given up for a client
    /// that has left serves the next one.
    given_up: usize,
}

/// The entry of a waiting client in the queue; dropping it removes the entry.
struct Queued<'p>(&'p TextSlots);

/// A response body of inflated text.
#[derive(Debug)]
pub(super) struct InflatedBody {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    /// The number of bytes of text that were not yet returned as frames.
    left: u64,
    /// The inflating task; it ends when the body is dropped.
    _inflating: JoinSet<()>,
}

type Decoder = GzDecoder<Reader<Bytes>>;

/// The reason why no more text is sent: the client is gone, or another client needs its slot.
struct Stopped;

/// Returns the number of bytes of text in `gzip`, which must be one member with less than 4 GiB of text: its last bytes hold the
/// length.
pub(super) fn length(gzip: &[u8]) -> u64 {
    let (_, length) = gzip
        .split_last_chunk::<LENGTH>()
        .unwrap_or((&[], &[0; LENGTH]));
    u32::from_le_bytes(*length).into()
}

// === impl TextSlots ===

impl TextSlots {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(N_SLOTS)),
            queue: Arc::default(),
            inflating: Arc::new(Semaphore::new(1)),
        }
    }

    /// Waits for a slot; returns `None` if no slot becomes free within [`QUEUE_TIMEOUT`].
    pub(super) async fn take(&self) -> Option<TextSlot> {
        let free = Arc::clone(&self.free);
        let taken = if let Ok(taken) = Arc::clone(&free).try_acquire_owned() {
            taken
        } else {
            let _in_line = Queued::new(self);
            let taken = tokio::time::timeout(QUEUE_TIMEOUT, free.acquire_owned()).await;
            taken.ok()?.ok()?
        };
        Some(TextSlot {
            text_slots: self.clone(),
            until: Instant::now() + SLOT_TIME,
            _taken: taken,
        })
    }

    /// Waits for a client for which no slot has been given up yet, and counts the caller's slot as given up for it.
    async fn give_up(&self) {
        let needs_slot = |queue: &Queue| queue.waiting > queue.given_up;
        let mut changes = self.queue.subscribe();
        loop {
            if changes.wait_for(needs_slot).await.is_err() {
                // This does not happen, because `self` holds the sender.
                return;
            }
            // Another holder may have given up its slot for this client in the meantime.
            let counted = self.queue.send_if_modified(|queue| {
                let needed = needs_slot(queue);
                queue.given_up += usize::from(needed);
                needed
            });
            if counted {
                return;
            }
        }
    }
}

// === impl Queued ===

impl<'p> Queued<'p> {
    fn new(text_slots: &'p TextSlots) -> Self {
        text_slots.queue.send_modify(|queue| queue.waiting += 1);
        Self(text_slots)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.queue.send_modify(|queue| {
            queue.waiting -= 1;
            queue.given_up = queue.given_up.saturating_sub(1);
        });
    }
}

// === impl TextSlot ===

impl TextSlot {
    /// Sends `chunk` as soon as there is room for it. Fails if the client is gone, or if another client waits and this one has
    /// had its time.
    async fn send(
        &self,
        chunks: &mpsc::Sender<io::Result<Bytes>>,
        chunk: io::Result<Bytes>,
    ) -> Result<(), Stopped> {
        let given_up = async {
            tokio::time::sleep_until(self.until).await;
            self.text_slots.give_up().await;
        };
        tokio::select! { biased;
        sent = chunks.send(chunk) => sent.map_err(|_| Stopped),
        () = given_up => Err(Stopped) }
    }

    /// Inflates chunk by chunk until the text is sent, the client is gone, or another client needs the slot.
    async fn inflate(self, mut decoder: Decoder, chunks: mpsc::Sender<io::Result<Bytes>>) {
        while let Ok(turn) = self.text_slots.inflating.acquire().await {
            let inflated = tokio::task::spawn_blocking(move || {
                let chunk = next(&mut decoder);
                (decoder, chunk)
            });
            let Ok((rest, chunk)) = inflated.await else {
                return;
            };
            drop(turn);
            decoder = rest;
            let last = chunk.as_ref().map_or(true, Bytes::is_empty);
            if self.send(&chunks, chunk).await.is_err() || last {
                return;
            }
        }
    }
}

/// Inflates the next chunk; an empty chunk marks the end of the text.
fn next(decoder: &mut Decoder) -> io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(CHUNK);
    let mut filled = 0;
    while filled < CHUNK {
        match decoder.read(&mut chunk[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    chunk.truncate(filled);
    Ok(chunk.freeze())
}

// === impl InflatedBody ===

impl InflatedBody {
    /// Makes a body with the text of `gzip`, which must be one member, for the client that holds `text_slot`.
    pub(super) fn of(gzip: Bytes, text_slot: TextSlot) -> Self {
        let left = length(&gzip);
        let (sender, chunks) = mpsc::channel(1);
        let mut inflating = JoinSet::new();
        inflating.spawn(text_slot.inflate(GzDecoder::new(gzip.reader()), sender));
        Self {
            chunks,
            left,
            _inflating: inflating,
        }
    }
}

impl http_body::Body for InflatedBody {
    type Data = Bytes;
    type Error = io::Error;

    /// Returns the next chunk. A body that ends early is an error, so that no client takes a part of the text for the whole.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = ready!(self.chunks.poll_recv(context));
        let chunk =
            chunk.unwrap_or_else(|| Err(io::Error::other("another client needed the slot")));
        Poll::Ready(Some(chunk.and_then(|chunk| {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            match self.left.checked_sub(length) {
                Some(left) if length > 0 => {
                    self.left = left;
                    Ok(Frame::data(chunk))
                }
                _ => Err(io::Error::other("the text is not as long as it says")),
            }
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
