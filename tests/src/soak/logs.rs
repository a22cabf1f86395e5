//! The lines of the pods' logs at WARN and ERROR, counted by kind: program, level and message, without the fields that vary.

use std::collections::BTreeMap;

use crate::lab::Pod;
use crate::lab::pod::BOTH;

/// Returns the number of lines of each kind.
pub(super) fn kinds(pods: [&Pod; 2]) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for pod in pods {
        for part in BOTH {
            for kind in pod.log(part).lines().filter_map(kind) {
                *kinds.entry(format!("{part:?} {kind}")).or_default() += 1;
            }
        }
    }
    kinds
}

/// Returns the level and the message of a line; `None` for levels below WARN. A line that is none of the log's is a kind of its own.
fn kind(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    let time = words.next()?;
    if !time.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(format!(
            "other: {}",
            line.chars().take(100).collect::<String>()
        ));
    }
    let level = words.next()?;
    if !matches!(level, "WARN" | "ERROR") {
        return None;
    }
    let words: Vec<_> = words.take_while(|word| !is_field(word)).collect();
    Some(format!("{level} {}", words.join(" ")))
}

fn is_field(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || "_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_message() {
        let warn = "2026-11-28T10:00:00.000Z  WARN cluster{cluster=lab}: Partition unknown topic=\"a b\" reason=timeout";
        assert_eq!(
            kind(warn).unwrap(),
            "WARN cluster{cluster=lab}: Partition unknown"
        );
        assert_eq!(
            kind("2026-11-28T10:00:00.000Z  INFO Leadership gained term=3"),
            None
        );
        assert_eq!(
            kind("thread 'main' panicked").unwrap(),
            "other: thread 'main' panicked"
        );
    }
}
