//! Standard error behind a queue. Whoever has something to write never waits: a thread of its own writes, and it alone is blocked
//! where stderr is a pipe whose reader has stopped, or a terminal that is paused. What does not fit into the queue is dropped
//! and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Messages that may wait.
const MAX_QUEUED: usize = 512;

/// Bytes that may wait.
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// The stack of the thread that writes, in bytes.
const STACK_SIZE: usize = 64 * 1024;

/// How long to wait before a descriptor that does not block is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// To the start of the line, and erase it.
const ERASE: &str = "\r\x1b[2K";

/// Where lines and the live line are handed in.
#[derive(Debug)]
pub(super) struct Stderr {
    queue: SyncSender<Message>,
    counts: Arc<Counts>,
}

/// What both sides of the queue count.
#[derive(Debug, Default)]
struct Counts {
    /// Bytes that were handed in and are not written yet.
    waiting: AtomicUsize,
    /// Messages that were not written and never will be.
    dropped: AtomicU64,
    /// Whether a live line is in the queue: one that is not even written needs no successor.
    drawing: AtomicBool,
}

enum Message {
    /// Written as it is, over the live line.
    Text(Vec<u8>),
    /// Shown in place of what was shown before; cut at the right margin.
    Live(String),
    /// Takes the live line away.
    Clear,
    /// Answered when everything before is written.
    Flush(SyncSender<()>),
}

/// The other side of the queue.
struct Writer<W> {
    to: W,
    counts: Arc<Counts>,
    live: LiveLineState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LiveLineState {
    Shown,
    Hidden,
}

// === impl Stderr ===

impl Stderr {
    /// Starts the thread that writes to `to`. Where the operating system refuses it, everything is dropped.
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

    /// Hands in a whole line, or several. A text that is longer than the room there is has to be the only one.
    pub(super) fn write(&self, text: Vec<u8>) {
        let n = text.len();
        let waiting = self.counts.waiting.fetch_add(n, Ordering::Relaxed);
        let fits = waiting == 0 || waiting + n <= MAX_QUEUED_BYTES;
        if !fits || self.queue.try_send(Message::Text(text)).is_err() {
            self.counts.waiting.fetch_sub(n, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn draw(&self, text: &str) {
        if !self.counts.drawing.swap(true, Ordering::Relaxed) {
            let drawn = self.queue.try_send(Message::Live(text.to_owned()));
            if drawn.is_err() {
                self.counts.drawing.store(false, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn clear(&self) {
        // Where nothing can be written there is no line to take away.
        self.queue.try_send(Message::Clear).ok();
    }

    /// Waits until everything that was handed in is written, at most `limit`. Does not wait where the queue is full: nobody reads
    /// then.
    pub(super) fn flush(&self, limit: Duration) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            written.recv_timeout(limit).ok();
        }
    }

    /// How many texts were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    fn run(mut self, messages: &Receiver<Message>) {
        for message in messages {
            match message {
                Message::Text(text) => {
                    self.erase_live_line();
                    if self.write_all(&text).is_err() {
                        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                    self.counts.waiting.fetch_sub(text.len(), Ordering::Relaxed);
                }
                Message::Live(text) => {
                    self.live = LiveLineState::Shown;
                    // Without automatic wrapping a long text stays on its line. A terminal that is gone is nobody's concern.
                    let line = format!("{ERASE}\x1b[?7l{text}\x1b[?7h");
                    self.write_all(line.as_bytes()).ok();
                    self.counts.drawing.store(false, Ordering::Relaxed);
                }
                Message::Clear => self.erase_live_line(),
                // Whoever waited may have left.
                Message::Flush(done) => {
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

    /// Writes all of `bytes`, however long it takes.
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.to.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process that has the same terminal or pipe may have made it so.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => pause(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread that does nothing but write has nothing else to do"
)]
fn pause() {
    thread::sleep(RETRY_INTERVAL);
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read as _, pipe};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Standard error into a pipe.
    fn world() -> (Stderr, PipeReader) {
        let (reader, writer) = pipe().unwrap();
        (Stderr::start(writer), reader)
    }

    /// Everything that was written, after the last of it.
    fn read(stderr: Stderr, mut reader: PipeReader) -> String {
        stderr.flush(LIMIT);
        drop(stderr);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_is_handed_in_is_written_in_order() {
        let (stderr, reader) = world();
        for n in 0..100 {
            stderr.write(format!("{n}\n").into_bytes());
        }
        assert_eq!(stderr.dropped(), 0);
        let lines: Vec<u32> = read(stderr, reader)
            .lines()
            .map(|line| line.parse().unwrap())
            .collect();
        assert_eq!(lines, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_stopped_and_what_is_dropped_is_counted() {
        let (stderr, reader) = world();
        // A pipe has 64 KiB, and what is being written still counts as waiting.
        let line = vec![b'x'; 1024];
        let n_written = 5_000;
        for _ in 0..n_written {
            stderr.write(line.clone());
        }
        let n_dropped = stderr.dropped();
        let n_kept = n_written - n_dropped;
        let room = u64::try_from(MAX_QUEUED_BYTES / line.len()).unwrap();
        assert!((room..=room + 65).contains(&n_kept), "{n_kept} are kept");
        stderr.flush(Duration::ZERO);
        // With a reader everything goes on.
        let (sender, received) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let mut reader = reader;
            let mut text = Vec::new();
            reader.read_to_end(&mut text).unwrap();
            sender.send(text.len()).unwrap();
        });
        stderr.flush(LIMIT);
        stderr.write(b"last".to_vec());
        stderr.flush(LIMIT);
        assert_eq!(stderr.dropped(), n_dropped);
        drop(stderr);
        let n_bytes = usize::try_from(n_kept).unwrap() * line.len() + 4;
        assert_eq!(received.recv_timeout(LIMIT), Ok(n_bytes));
    }

    #[test]
    fn a_text_longer_than_the_room_is_written_whole_where_nothing_waits() {
        let (stderr, mut reader) = world();
        stderr.write(vec![b'x'; 2 * MAX_QUEUED_BYTES]);
        stderr.write(b"y".to_vec());
        assert_eq!(stderr.dropped(), 1, "there is no room beside it");
        let mut text = vec![0; 2 * MAX_QUEUED_BYTES];
        reader.read_exact(&mut text).unwrap();
        assert!(text.iter().all(|&byte| byte == b'x'));
        assert_eq!(read(stderr, reader), "");
    }

    #[test]
    fn a_line_is_written_over_the_live_line() {
        let (stderr, reader) = world();
        stderr.draw("half");
        stderr.flush(LIMIT);
        stderr.write(b"line\n".to_vec());
        stderr.clear();
        let text = read(stderr, reader);
        assert_eq!(text, format!("{ERASE}\x1b[?7lhalf\x1b[?7h{ERASE}line\n"));
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let stderr = Stderr::start(writer);
        stderr.write(b"x\n".to_vec());
        stderr.flush(LIMIT);
        assert_eq!(stderr.dropped(), 1);
    }
}
