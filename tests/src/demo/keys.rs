//! The lines that a person types into the demo, which ask to end the leading pod.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::thread;

use tokio::sync::mpsc;

use super::leader_tracker::Ending;

/// A line that a person typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A request to end the leading pod; the line may name the way.
    End(Option<Ending>),
    /// A line that the demo does not understand.
    Other,
}

/// The lines of standard input, which a thread of its own reads.
#[derive(Debug)]
pub(super) struct Keyboard(mpsc::Receiver<Key>);

// === impl Key ===

impl Key {
    fn of(line: &str) -> Self {
        match line.trim() {
            "" => Self::End(None),
            "k" => Self::End(Some(Ending::Kill)),
            "t" => Self::End(Some(Ending::Terminate)),
            _ => Self::Other,
        }
    }
}

// === impl Keyboard ===

impl Keyboard {
    /// Begins to read standard input, unless the process is in the background of a terminal: reading would stop it.
    pub(super) fn read() -> Self {
        if io::stdin().is_terminal() && is_in_background() {
            return Self::none();
        }
        let (send, keys) = mpsc::channel(16);
        // The thread is not one of the runtime's: a blocked read cannot be cancelled, and the runtime would wait for its end.
        thread::spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                if send.blocking_send(Key::of(&line)).is_err() {
                    return;
                }
            }
        });
        Self(keys)
    }

    /// Returns keys without any line.
    pub(super) fn none() -> Self {
        Self(mpsc::channel(1).1)
    }

    /// Waits for the next line; for ever if no lines are read.
    pub(super) async fn next(&mut self) -> Key {
        match self.0.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

/// Returns true if another process group has the terminal: the kernel would stop this process when it read from the terminal.
fn is_in_background() -> bool {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // In `/proc/self/stat`, after the name, which may have any characters: state, parent, process group, session, terminal, and
    // the terminal's foreground process group.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    fields.get(2) != fields.get(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_the_leader_is_to_end() {
        assert_eq!(Key::of("\n"), Key::End(None));
        assert_eq!(Key::of("k"), Key::End(Some(Ending::Kill)));
        assert_eq!(Key::of(" t\r"), Key::End(Some(Ending::Terminate)));
        assert_eq!(Key::of("kill"), Key::Other);
    }
}
