//! Standard error behind a queue, so that no task waits for its reader.
//!
//! A write to stderr blocks where stderr is a pipe whose reader has stopped, a terminal that is paused with Ctrl-S, or a file
//! on a disk that hangs. A task that logs would then block its thread: the elector would renew no Lease and the collector would
//! answer no probe, only because nobody reads their logs. So tasks put whole lines into a bounded queue, which never waits, and
//! one thread takes them out and writes; it alone is blocked.
//!
//! The queue has two bounds, [`MAX_QUEUED`] messages and [`MAX_QUEUED_BYTES`] bytes. A line that does not fit is dropped and
//! counted, as is a line that cannot be written because nobody reads any more; `DroppedLines` exports the count. A line that is
//! in the queue is never dropped in favour of a newer one. A single line that is longer than the bound is accepted where the
//! queue is empty.
//!
//! The same thread draws the live line, the last line of a terminal that shows the progress of the first collection. The thread
//! knows whether the line is shown, so it erases it before it writes a log line. The live line is drawn over and over, so a
//! text is left out while an earlier one waits in the queue.
//!
//! At its end a process calls `flush`, which waits until everything before it is written, with a bound. If the queue is full,
//! nobody reads, and the wait is left out.
//!
//! Not promised: that a line is written before the call returns. Lines may be lost when the process is killed.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The greatest number of messages in the queue.
const MAX_QUEUED: usize = 512;

/// The greatest number of bytes in the queue.
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// The size of the writing thread's stack, in bytes.
const STACK_SIZE: usize = 64 * 1024;

/// The time after which a write is tried again where the descriptor is non-blocking and not ready.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The terminal's control sequence that moves to the start of the line and erases the line.
const ERASE: &str = "\r\x1b[2K";

/// The sending side of the queue, used by the whole process.
#[derive(Debug)]
pub(super) struct Stderr {
    queue: SyncSender<QueueItem>,
    counts: Arc<Counts>,
}

/// The numbers that both sides of the queue share.
#[derive(Debug, Default)]
struct Counts {
    /// Bytes that are queued and not yet written. The sending side raises the number, the writer lowers it.
    waiting: AtomicUsize,
    /// Lines that were dropped, by either side of the queue.
    dropped: AtomicU64,
    /// True while a live line waits in the queue. The sending side sets it, the writer clears it.
    drawing: AtomicBool,
}

/// A message to the thread that writes.
enum QueueItem {
    /// Lines to be written as they are, over the live line.
    Text(Vec<u8>),
    /// The text of the live line, cut at the right margin.
    Live(String),
    /// The instruction to remove the live line.
    Clear,
    /// A request for an answer once everything queued before it is written.
    Flush(SyncSender<()>),
}

/// The receiving side of the queue, on a thread of its own.
struct Writer<W> {
    to: W,
    counts: Arc<Counts>,
    live: LiveLineState,
}

/// The presence of the live line at the end of the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LiveLineState {
    Shown,
    Hidden,
}

// === impl Stderr ===

impl Stderr {
    /// Starts the thread that writes to `to`. Where the operating system refuses a thread, every line is dropped.
    pub(super) fn start(to: impl Write + Send + 'static) -> Self {
        let (queue, messages) = sync_channel(MAX_QUEUED);
        let counts = Arc::new(Counts::default());
        let writer = Writer {
            to,
            counts: Arc::clone(&counts),
            live: LiveLineState::Hidden,
        };
        thread::Builder::new()
            .name("stderr".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || writer.run(&messages))
            .ok();
        Self { queue, counts }
    }

    /// Queues one or more whole lines, or drops them where the queue is full.
    pub(super) fn write(&self, text: Vec<u8>) {
        let n = text.len();
        let waiting = self.counts.waiting.fetch_add(n, Ordering::Relaxed);
        let fits = waiting == 0 || waiting + n <= MAX_QUEUED_BYTES;
        if !fits || self.queue.try_send(QueueItem::Text(text)).is_err() {
            self.counts.waiting.fetch_sub(n, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a text of the live line, unless an earlier one waits in the queue.
    pub(super) fn draw(&self, text: &str) {
        if !self.counts.drawing.swap(true, Ordering::Relaxed) {
            let drawn = self.queue.try_send(QueueItem::Live(text.to_owned()));
            if drawn.is_err() {
                self.counts.drawing.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Queues the removal of the live line.
    pub(super) fn clear(&self) {
        // Where the queue is full, nobody sees the line either.
        self.queue.try_send(QueueItem::Clear).ok();
    }

    /// Waits until everything that is queued is written, for `limit` at most. Does not wait where the queue is full, since nobody reads
    /// then.
    pub(super) fn flush(&self, limit: Duration) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(QueueItem::Flush(done)).is_ok() {
            written.recv_timeout(limit).ok();
        }
    }

    /// Returns the number of texts that were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    fn run(mut self, messages: &Receiver<QueueItem>) {
        for message in messages {
            match message {
                QueueItem::Text(text) => {
                    self.erase_live_line();
                    if self.write_all(&text).is_err() {
                        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                    self.counts.waiting.fetch_sub(text.len(), Ordering::Relaxed);
                }
                QueueItem::Live(text) => {
                    self.live = LiveLineState::Shown;
                    // Automatic wrapping is switched off for this text, so that it stays on one line. A failed write is not counted, since
                    // no log line is lost.
                    let line = format!("{ERASE}\x1b[?7l{text}\x1b[?7h");
                    self.write_all(line.as_bytes()).ok();
                    self.counts.drawing.store(false, Ordering::Relaxed);
                }
                QueueItem::Clear => self.erase_live_line(),
                // The caller may have stopped waiting, and then the answer is not needed.
                QueueItem::Flush(done) => {
                    done.try_send(()).ok();
                }
            }
        }
    }

    fn erase_live_line(&mut self) {
        if self.live == LiveLineState::Shown {
            self.live = LiveLineState::Hidden;
            self.write_all(ERASE.as_bytes()).ok();
        }
    }

    /// Writes all of `bytes`, and waits as long as that takes.
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.to.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process that shares the terminal or pipe may have made the descriptor non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => pause(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this thread does nothing but write"
)]
fn pause() {
    thread::sleep(RETRY_INTERVAL);
}
