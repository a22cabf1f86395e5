//! The text of an exposition for whoever takes no gzip, inflated while it is sent.
//!
//! Inflating tens of megabytes takes tens of milliseconds of CPU for each asker, so it has its own place and its own bounds:
//! - It is done on threads for blocking work, one chunk at a time for all askers together, so that the threads that answer probes
//!   are free and at least one core is.
//! - Few askers are served at a time, one after the other in the order in which they came; the others wait in line, for a bounded
//!   time. All at once would all be late.
//! - A chunk is inflated when the one before it has been taken. A slow reader costs a few chunks of memory, and its place: where
//!   others wait, it has to give that up after its turn.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::buf::Reader;
use bytes::{Buf, Bytes, BytesMut};
use flate2::bufread::GzDecoder;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Askers that are served at a time. What one costs is its decoder, some 50 KB, and three chunks.
pub(super) const PLACES: usize = 8;

/// How long an asker waits in line: less than the 10 s for which Prometheus waits by default, so that it is told why it gets
/// nothing.
pub(super) const LINE: Duration = Duration::from_secs(8);

/// The time for which an asker may keep its place while others wait. A reader that keeps pace is done in a fraction of it.
pub(super) const TURN: Duration = Duration::from_secs(5);

/// The size of one piece of inflated text: a fraction of a millisecond's work.
const CHUNK: usize = 128 * 1024;

/// Bytes of the length at the end of a gzip member.
const LENGTH: usize = size_of::<u32>();

/// The places of all askers. Clones are the same places.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// One for each asker in line that nobody has given up a place for.
    wanted: Arc<Semaphore>,
    /// Whose chunk may be inflated.
    inflating: Arc<Semaphore>,
}

/// One asker's place.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    /// From when on it is given up if it is wanted.
    until: Instant,
    _taken: OwnedSemaphorePermit,
}

/// Somebody is in line as long as this lives.
struct InLine<'p>(&'p Places);

/// The text as the body of an answer.
#[derive(Debug)]
pub(super) struct Text {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    /// Bytes to come.
    left: u64,
    /// Ends with the answer.
    _inflating: JoinSet<()>,
}

type Decoder = GzDecoder<Reader<Bytes>>;

/// Nobody takes the next chunk, or the place is wanted.
struct Over;

/// How many bytes of text are in `gzip`, which is one member of less than 4 GiB of text. Its last bytes say so.
pub(super) fn length(gzip: &[u8]) -> u64 {
    let (_, length) = gzip
        .split_last_chunk::<LENGTH>()
        .unwrap_or((&[], &[0; LENGTH]));
    u32::from_le_bytes(*length).into()
}

// === impl Places ===

impl Places {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(PLACES)),
            wanted: Arc::new(Semaphore::new(0)),
            inflating: Arc::new(Semaphore::new(1)),
        }
    }

    /// Waits in line for a place; `None` where none is free in time.
    pub(super) async fn take(&self) -> Option<Place> {
        let free = Arc::clone(&self.free);
        let taken = if let Ok(taken) = Arc::clone(&free).try_acquire_owned() {
            taken
        } else {
            let _in_line = InLine::new(self);
            let taken = tokio::time::timeout(LINE, free.acquire_owned()).await;
            taken.ok()?.ok()?
        };
        Some(Place {
            places: self.clone(),
            until: Instant::now() + TURN,
            _taken: taken,
        })
    }
}

// === impl InLine ===

impl<'p> InLine<'p> {
    fn new(places: &'p Places) -> Self {
        places.wanted.add_permits(1);
        Self(places)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        // There is none left where somebody has given up a place for it.
        self.0.wanted.forget_permits(1);
    }
}

// === impl Place ===

impl Place {
    /// Sends `chunk` as soon as there is room for it.
    async fn send(
        &self,
        chunks: &mpsc::Sender<io::Result<Bytes>>,
        chunk: io::Result<Bytes>,
    ) -> Result<(), Over> {
        let wanted = async {
            tokio::time::sleep_until(self.until).await;
            match self.places.wanted.acquire().await {
                Ok(wanted) => wanted.forget(),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! { biased;
        sent = chunks.send(chunk) => sent.map_err(|_| Over),
        () = wanted => Err(Over) }
    }

    /// Inflates until all is sent, or nobody is there to take it.
    async fn inflate(self, mut decoder: Decoder, chunks: mpsc::Sender<io::Result<Bytes>>) {
        while let Ok(turn) = self.places.inflating.acquire().await {
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

/// The next chunk; an empty one at the end.
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

// === impl Text ===

impl Text {
    /// The text of `gzip`, which is one member, in the asker's `place`.
    pub(super) fn of(gzip: Bytes, place: Place) -> Self {
        let left = length(&gzip);
        let (sender, chunks) = mpsc::channel(1);
        let mut inflating = JoinSet::new();
        inflating.spawn(place.inflate(GzDecoder::new(gzip.reader()), sender));
        Self {
            chunks,
            left,
            _inflating: inflating,
        }
    }
}

impl http_body::Body for Text {
    type Data = Bytes;
    type Error = io::Error;

    /// An answer that ends early is an error, so that nobody takes a part of the text for the whole.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = ready!(self.chunks.poll_recv(context));
        let chunk = chunk.unwrap_or_else(|| Err(io::Error::other("the place was wanted")));
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
