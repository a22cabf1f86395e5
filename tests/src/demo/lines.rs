//! The table of the demo as text, with the control sequences that redraw it in a terminal.

use std::fmt::Write as _;

use super::table::{TITLES, TableRow};

/// The number of lines of a table that are not rows: the headline and the titles.
pub(super) const AROUND: usize = 2;

/// Returns the lines of the table: a headline, the titles, and a line for each row.
pub(super) fn table(rows: &[TableRow], headline: &str) -> Vec<String> {
    let rows = rows.iter().map(ToString::to_string);
    let above = [headline.to_owned(), TITLES.to_owned()];
    above.into_iter().chain(rows).collect()
}

/// Returns the table as text that a terminal shows in place of the `height` lines above the cursor.
pub(super) fn redrawn(rows: &[TableRow], headline: &str, height: usize) -> String {
    // This control sequence makes the terminal cut a line that is too wide: a wrapped line would count twice.
    let mut text = up(height) + "\x1b[?7l";
    for line in table(rows, headline) {
        text.push_str(&line);
        // This control sequence erases the rest of a longer line that stood in this place.
        text.push_str("\x1b[K\n");
    }
    // These control sequences erase the rest of a higher table, and let the terminal wrap lines again.
    text.push_str("\x1b[J\x1b[?7h");
    text
}

/// Returns text that erases the `height` lines above the cursor, so that the next output replaces them.
pub(super) fn erased(height: usize) -> String {
    up(height) + "\x1b[J"
}

fn up(height: usize) -> String {
    let mut text = String::new();
    if height > 0 {
        write!(text, "\x1b[{height}A\r").expect("a String takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_high_as_is_said() {
        assert_eq!(table(&[], "").len(), AROUND);
    }

    #[test]
    fn a_redrawn_table_stands_where_the_last_one_stood() {
        let first = redrawn(&[], "after 1 s", 0);
        assert!(first.starts_with("\x1b[?7lafter 1 s"), "{first:?}");
        let second = redrawn(&[], "after 2 s", AROUND);
        assert!(
            second.starts_with("\x1b[2A\r\x1b[?7lafter 2 s"),
            "{second:?}"
        );
        assert_eq!(second.matches('\n').count(), AROUND);
    }
}
