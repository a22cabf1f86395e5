use std::io::{PipeReader, Read as _, pipe};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Returns a queue in front of a pipe, and the pipe's reader.
fn piped_stderr() -> (Stderr, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    (Stderr::start(writer), reader)
}

/// Waits until everything queued is written, and returns the text that arrived at the reader.
fn read(stderr: Stderr, mut reader: PipeReader) -> String {
    stderr.flush(LIMIT);
    drop(stderr);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn queued_lines_are_written_in_order() {
    let (stderr, reader) = piped_stderr();
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
fn a_reader_that_has_stopped_delays_nobody_and_dropped_lines_are_counted() {
    let (stderr, reader) = piped_stderr();
    // The pipe itself takes 64 KiB, and the line that is being written still counts as queued.
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
    // Once somebody reads, the queue empties and nothing more is dropped.
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
fn a_text_longer_than_the_queue_is_written_whole_where_the_queue_is_empty() {
    let (stderr, mut reader) = piped_stderr();
    stderr.write(vec![b'x'; 2 * MAX_QUEUED_BYTES]);
    stderr.write(b"y".to_vec());
    assert_eq!(stderr.dropped(), 1, "the queue has no room beside it");
    let mut text = vec![0; 2 * MAX_QUEUED_BYTES];
    reader.read_exact(&mut text).unwrap();
    assert!(text.iter().all(|&byte| byte == b'x'));
    assert_eq!(read(stderr, reader), "");
}

#[test]
fn a_line_is_written_over_the_live_line() {
    let (stderr, reader) = piped_stderr();
    stderr.draw("half");
    stderr.flush(LIMIT);
    stderr.write(b"line\n".to_vec());
    stderr.clear();
    let text = read(stderr, reader);
    assert_eq!(text, format!("{ERASE}\x1b[?7lhalf\x1b[?7h{ERASE}line\n"));
}

#[test]
fn a_line_that_cannot_be_written_is_counted() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let stderr = Stderr::start(writer);
    stderr.write(b"x\n".to_vec());
    stderr.flush(LIMIT);
    assert_eq!(stderr.dropped(), 1);
}
