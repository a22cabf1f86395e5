//! The names of series in a Prometheus query: the words that remain when strings, matchers, lists of labels, ranges, functions and keywords
//! are removed.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

static STRINGS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*""#).expect("a pattern"));
static APART: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)",
    )
    .expect("a pattern")
});
static NAMES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[a-zA-Z_][a-zA-Z0-9_:]*(\s*\()?").expect("a pattern"));

const WORDS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "atan2"];

/// Returns the names of the series that a query reads.
pub fn series(query: &str) -> BTreeSet<String> {
    let query = STRINGS.replace_all(query, "");
    let query = APART.replace_all(&query, " ");
    NAMES
        .captures_iter(&query)
        .filter(|found| found.get(1).is_none())
        .map(|found| found[0].to_owned())
        .filter(|name| !WORDS.contains(&name.as_str()))
        .collect()
}

/// Returns the family that a series belongs to: a histogram has several series.
pub fn family(series: &str) -> &str {
    ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|ending| series.strip_suffix(ending))
        .unwrap_or(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Vec<String> {
        series(query).into_iter().collect()
    }

    #[test]
    fn names_are_told_from_everything_else() {
        let query = r#"
            0 * max by (cluster_name, group) (last_over_time(some_family{label="a(b)c", group=~"x{2}"}[3m]))
            + on (job) group_left (pod) klag:other offset 5m > bool 1e3
            or vector(0) unless rate(third_total[5m:30s])"#;
        assert_eq!(names(query), ["klag:other", "some_family", "third_total"]);
    }

    #[test]
    fn a_variable_of_a_dashboard_is_no_name() {
        assert_eq!(names(r#"sum(x{job=~"$job"}) by (le)"#), ["x"]);
    }

    #[test]
    fn series_of_a_histogram_are_of_one_family() {
        assert_eq!(family("some_seconds_bucket"), "some_seconds");
        assert_eq!(family("some_total"), "some_total");
    }
}
