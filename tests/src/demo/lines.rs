//! The table as text.

use std::fmt::Write as _;

use super::table::{Row, TITLES};

/// The number of lines of a table that are not rows.
pub(super) const AROUND: usize = 2;

/// The table: a headline, a line of titles, and a line for each row.
pub(super) fn table(rows: &[Row], headline: &str) -> Vec<String> {
    let rows = rows.iter().map(ToString::to_string);
    let above = [headline.to_owned(), TITLES.to_owned()];
    above.into_iter().chain(rows).collect()
}

/// The table, written over the `height` lines above.
pub(super) fn redrawn(rows: &[Row], headline: &str, height: usize) -> String {
    // The terminal cuts a line that is too wide: a wrapped line would count twice.
    let mut text = up(height) + "\x1b[?7l";
    for line in table(rows, headline) {
        text.push_str(&line);
        // Erases what is left of a longer line.
        text.push_str("\x1b[K\n");
    }
    // Erases what is left of a higher table.
    text.push_str("\x1b[J\x1b[?7h");
    text
}

/// Erases the `height` lines above, so that the next output replaces them.
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
