//! A picture of the demo: a run in a terminal is recorded, and the lines that the terminal shows at its end are drawn.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

/// The time limit of each step of the recording. The first step compiles the programs.
const LIMIT: Duration = Duration::from_secs(1200);
/// The time between a change of leader and the next key, in which a table shows all groups again.
const SETTLE: Duration = Duration::from_secs(8);
/// The byte that a terminal sends for Ctrl-C.
const CTRL_C: &[u8] = b"\x03";

/// The number of characters in a line of the picture; a longer line continues in the next one.
const WIDTH: usize = 112;
const CHAR_PIXELS: usize = 8;
const LINE_PIXELS: usize = 18;
const MARGIN_PIXELS: usize = 16;

/// The lines that a terminal shows.
#[derive(Debug, Default)]
struct Terminal {
    lines: Vec<String>,
    row: usize,
    /// A line of output whose end has not come yet.
    pending: String,
}

/// A demo that runs in a terminal, with its output so far.
struct Recording {
    child: Child,
    stdin: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// Bytes of output that are not decoded yet, since the last of them may be part of a character.
    bytes: Vec<u8>,
    terminal: Terminal,
}

/// Runs the demo by `command`, which has to give it a terminal: kills the leading pod, asks the next one to end, and returns the lines that
/// the terminal shows then.
///
/// # Errors
/// The demo cannot be started, ends by itself, or does not print the expected words within twenty minutes.
pub fn record(mut command: Command) -> Result<Vec<String>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("the demo cannot be started")?;
    let stdin = child.stdin.take().context("no standard input")?;
    let mut stdout = child.stdout.take().context("no standard output")?;
    let (send, output) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = stdout.read(&mut buffer) {
            if send.send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut recording = Recording {
        child,
        stdin,
        output,
        bytes: Vec::new(),
        terminal: Terminal::default(),
    };
    recording.wait_for("leads under term", 1)?;
    recording.wait_for("is on standby", 1)?;
    recording.watch(2 * SETTLE)?;
    recording.type_in(b"\n")?;
    recording.wait_for("after SIGKILL.", 2)?;
    recording.wait_for("is on standby", 2)?;
    recording.watch(SETTLE)?;
    recording.type_in(b"t\n")?;
    recording.wait_for("after SIGTERM.", 2)?;
    recording.wait_for("is on standby", 3)?;
    recording.watch(SETTLE)?;
    let lines = excerpt(&recording.terminal.lines);
    recording.type_in(CTRL_C)?;
    recording.child.wait()?;
    Ok(lines)
}

/// Returns the lines for the picture: the servers, the keys, and everything from the first leader on. The output of the build and
/// the paths of this machine are left out.
fn excerpt(lines: &[String]) -> Vec<String> {
    let mut kept = vec!["$ cargo demo".to_owned()];
    let mut has_leader = false;
    for line in lines {
        has_leader |= line.contains("leads under term");
        let begins = ["Kafka ", "Kubernetes ", "Enter sends "];
        if has_leader || begins.iter().any(|begin| line.starts_with(begin)) {
            kept.push(line.clone());
        }
    }
    kept
}

/// Returns the lines as a picture of a terminal, in SVG.
pub fn svg(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().flat_map(|line| folded(line)).collect();
    let width = WIDTH * CHAR_PIXELS + 2 * MARGIN_PIXELS;
    let height = lines.len() * LINE_PIXELS + 2 * MARGIN_PIXELS;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1b1f24\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\" fill=\"#d5dbe1\" xml:space=\"preserve\">\n"
    );
    for (n, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
    {
        let y = MARGIN_PIXELS + LINE_PIXELS * (n + 1) - 4;
        // The fixed `textLength` gives the line the same width in every font.
        let length = line.chars().count() * CHAR_PIXELS;
        let line = line
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        writeln!(
            text,
            "<text x=\"{MARGIN_PIXELS}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{line}</text>"
        )
        .expect("a String takes any text");
    }
    text.push_str("</g>\n</svg>\n");
    text
}

/// Splits a line into pieces of the picture's width, without spaces at the ends.
fn folded(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in line.trim_end().split_inclusive(' ') {
        let piece = pieces.last_mut().expect("there is a first piece");
        let length = piece.chars().count() + word.trim_end().chars().count();
        if !piece.is_empty() && length > WIDTH {
            pieces.push(format!("    {word}"));
        } else {
            piece.push_str(word);
        }
    }
    for piece in &mut pieces {
        piece.truncate(piece.trim_end().len());
    }
    pieces
}

// === impl Recording ===

impl Recording {
    /// Reads output until the terminal shows `words` in `times` lines.
    fn wait_for(&mut self, words: &str, times: usize) -> Result<()> {
        let limit = Instant::now() + LIMIT;
        while self.terminal.count(words) < times {
            if Instant::now() > limit || !self.read(Duration::from_secs(1))? {
                bail!(
                    "the demo did not say {words:?} {times} times: {:#?}",
                    self.terminal.lines
                );
            }
        }
        Ok(())
    }

    /// Reads output for `time`, so that the terminal shows what happens meanwhile.
    fn watch(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.read(Duration::from_millis(100))?;
        }
        Ok(())
    }

    /// Reads the output that comes within `time`; returns false if the demo has closed its output.
    fn read(&mut self, time: Duration) -> Result<bool> {
        match self.output.recv_timeout(time) {
            Ok(bytes) => {
                self.bytes.extend(bytes);
                // The end of a read may cut a character, whose bytes are kept for the next read.
                let whole = match std::str::from_utf8(&self.bytes) {
                    Ok(text) => text.len(),
                    Err(error) => error.valid_up_to(),
                };
                let text: Vec<u8> = self.bytes.drain(..whole).collect();
                self.terminal.show(&String::from_utf8(text)?);
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(true),
            Err(RecvTimeoutError::Disconnected) => Ok(false),
        }
    }

    fn type_in(&mut self, keys: &[u8]) -> Result<()> {
        self.stdin.write_all(keys)?;
        Ok(self.stdin.flush()?)
    }
}

// === impl Terminal ===

impl Terminal {
    /// Shows text with the control sequences that the demo writes: cursor up, erase to the end of the line or of the screen.
    fn show(&mut self, text: &str) {
        self.pending.push_str(text);
        while let Some(end) = self.pending.find('\n') {
            let line: String = self.pending.drain(..=end).collect();
            self.show_line(line.trim_end_matches(['\r', '\n']));
        }
    }

    /// Shows a line of output, and moves to the next row. A line that is drawn over another one replaces it whole.
    fn show_line(&mut self, line: &str) {
        let mut shown = String::new();
        let mut rest = line;
        while let Some((before, sequence)) = rest.split_once('\x1b') {
            shown.push_str(before);
            let end = sequence.find(|c: char| c.is_ascii_alphabetic());
            let Some(end) = end else { break };
            let (parameters, command) = (&sequence[1..end], &sequence[end..=end]);
            match command {
                "A" => {
                    let rows: usize = parameters.parse().unwrap_or(1);
                    self.row = self.row.saturating_sub(rows);
                }
                "J" => self.lines.truncate(self.row),
                // Erasing the rest of a line needs no action, since lines are replaced whole; the other sequences switch
                // wrapping.
                _ => {}
            }
            rest = &sequence[end + 1..];
        }
        shown.push_str(rest);
        if self.lines.len() <= self.row {
            self.lines.resize(self.row + 1, String::new());
        }
        self.lines[self.row] = shown.replace('\r', "");
        self.row += 1;
    }

    fn count(&self, words: &str) -> usize {
        self.lines
            .iter()
            .filter(|line| line.contains(words))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrawn_table_stands_once_below_the_lines_that_stay() {
        let mut terminal = Terminal::default();
        terminal.show("first\r\n");
        terminal.show("\x1b[?7ltable 1\x1b[K\r\nrow\x1b[K\r\n\x1b[J\x1b[?7h");
        terminal.show("\x1b[2A\r\x1b[Jsecond\r\n");
        terminal.show("\x1b[?7ltable 2\x1b[K\r\nrow\x1b[K\r\n\x1b[J\x1b[?7h");
        terminal.show("\x1b[2A\r\x1b[?7ltable 3\x1b[K\r\nrow 3\x1b[K\r\n\x1b[J\x1b[?7h");
        terminal.show("\x1b[2A\r");
        assert_eq!(terminal.lines, ["first", "second", "table 3", "row 3"]);
    }

    #[test]
    fn long_lines_are_folded_and_text_is_escaped() {
        let line = format!("{}a <b>", "word ".repeat(30));
        let picture = svg(&[line, String::new()]);
        assert!(picture.contains(">a &lt;b&gt;</text>") || picture.contains("a &lt;b&gt;"));
        assert!(
            folded(&"word ".repeat(30))
                .iter()
                .all(|piece| piece.len() <= WIDTH + 4)
        );
        assert_eq!(picture.matches("<text").count(), 2);
    }
}
