//! The table as text.

use std::fmt::Write as _;
use std::time::Duration;

use super::table::{Row, TITLES};

/// Lines of a table that are not rows.
pub(super) const AROUND: usize = 2;

/// A line that says when, one of titles, one for each row.
pub(super) fn table(rows: &[Row], elapsed: Duration) -> Vec<String> {
    let seconds = elapsed.as_secs();
    let when = if rows.is_empty() {
        format!("after {seconds} s: nothing collected yet")
    } else {
        format!("after {seconds} s")
    };
    let rows = rows.iter().map(ToString::to_string);
    [when, TITLES.to_owned()].into_iter().chain(rows).collect()
}

/// The table, written over the `height` lines above.
pub(super) fn redrawn(rows: &[Row], elapsed: Duration, height: usize) -> String {
    let mut text = String::new();
    if height > 0 {
        write!(text, "\x1b[{height}A\r").expect("a String takes any text");
    }
    for line in table(rows, elapsed) {
        text.push_str(&line);
        // Erases what is left of a longer line.
        text.push_str("\x1b[K\n");
    }
    // And what is left of a higher table.
    text.push_str("\x1b[J");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_high_as_is_said() {
        assert_eq!(table(&[], Duration::ZERO).len(), AROUND);
    }

    #[test]
    fn a_redrawn_table_stands_where_the_last_one_stood() {
        let first = redrawn(&[], Duration::from_secs(1), 0);
        assert!(first.starts_with("after 1 s"), "{first:?}");
        let second = redrawn(&[], Duration::from_secs(2), AROUND);
        assert!(second.starts_with("\x1b[2A\rafter 2 s"), "{second:?}");
        assert_eq!(second.matches('\n').count(), AROUND);
    }
}
