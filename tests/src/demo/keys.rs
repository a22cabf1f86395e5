//! The lines that are typed.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::thread;

use tokio::sync::mpsc;

use super::leader_tracker::Ending;

/// A line that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// End the leading pod, in this way if the line names one.
    End(Option<Ending>),
    /// A line that was not understood.
    Other,
}

/// Lines of standard input.
#[derive(Debug)]
pub(super) struct Keys(mpsc::Receiver<Key>);

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

// === impl Keys ===

impl Keys {
    /// Begins to read, unless reading would stop the process.
    pub(super) fn read() -> Self {
        if io::stdin().is_terminal() && is_in_background() {
            return Self::none();
        }
        let (send, keys) = mpsc::channel(16);
        // No one waits for this thread: a blocked read cannot be cancelled, and a runtime would wait for it.
        thread::spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                if send.blocking_send(Key::of(&line)).is_err() {
                    return;
                }
            }
        });
        Self(keys)
    }

    /// Keys of which none is ever read.
    pub(super) fn none() -> Self {
        Self(mpsc::channel(1).1)
    }

    /// The next line; waits for ever if no lines are read.
    pub(super) async fn next(&mut self) -> Key {
        match self.0.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

/// True if another process group has the terminal: the kernel would stop this process when it read from the terminal.
fn is_in_background() -> bool {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may have any characters: state, parent, group, session, terminal, its foreground group.
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
