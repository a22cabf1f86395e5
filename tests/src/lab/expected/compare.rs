//! The differences between a scrape and the expected values.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::lab::prom::Exposition;

use super::{Expected, Value, number};

/// The tolerance, in seconds, between the instants to which shown ages belong. All time lags of a collection are ages at one
/// instant, and two neighbouring records differ by more than this.
const SPREAD: f64 = 0.5;

/// Returns a line for each series that is missing, unexpected or wrong. Ages must all be ages at one instant, which is between
/// `earliest` and `latest` (seconds since 1970).
pub fn differences(
    expected: &Expected,
    shown: &Exposition,
    (earliest, latest): (f64, f64),
) -> Vec<String> {
    let mut found = Vec::new();
    let mut instants = Vec::new();
    for (family, wanted) in expected {
        let series: BTreeMap<_, _> = shown.series(family).collect();
        for labels in series
            .keys()
            .filter(|labels| !wanted.contains_key(**labels))
        {
            found.push(format!("too many: {family} {labels:?} {}", series[*labels]));
        }
        for (labels, value) in wanted {
            match (series.get(labels), value) {
                (None, value) => found.push(format!("missing: {family} {labels:?} {value:?}")),
                (Some(got), Value::Exactly(wanted)) if !same(*got, *wanted) => {
                    found.push(format!("wrong: {family} {labels:?} {got}, not {wanted}"));
                }
                (Some(_), Value::Exactly(_)) => {}
                (Some(got), Value::AgeOf(ms)) => {
                    instants.push((seconds(*ms) + got, family, labels));
                }
            }
        }
    }
    let first = instants
        .iter()
        .map(|(at, ..)| *at)
        .fold(f64::INFINITY, f64::min);
    for (at, family, labels) in &instants {
        if *at < earliest || *at > latest || at - first > SPREAD {
            let off = at - earliest;
            found.push(format!(
                "wrong: {family} {labels:?} as seen {off:.3} s after the start, others from {:.3}",
                first - earliest
            ));
        }
    }
    found
}

/// Returns the number of differences and the first 20 of them, for an error message.
pub fn digest(differences: &[String]) -> String {
    let mut text = format!("{} differences", differences.len());
    for line in differences.iter().take(20) {
        write!(text, "\n  {line}").ok();
    }
    text
}

fn same(got: f64, wanted: f64) -> bool {
    // Equal infinities are found by comparing bits, because their difference is not a number.
    got.to_bits() == wanted.to_bits() || (got - wanted).abs() <= 1e-9 * wanted.abs()
}

fn seconds(ms: i64) -> f64 {
    number(ms) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::prom::{self, labels};

    fn found(samples: &str) -> usize {
        let wanted = [
            (labels([("n", "1")]), Value::Exactly(7.0)),
            (labels([("n", "2")]), Value::AgeOf(1_000)),
            (labels([("n", "3")]), Value::AgeOf(2_000)),
        ];
        let expected = Expected::from([("a", wanted.into())]);
        let text = format!("# HELP a Help.\n# TYPE a gauge\n{samples}");
        differences(&expected, &prom::parse(&text).unwrap(), (100.0, 110.0)).len()
    }

    #[test]
    fn differences_are_found_in_both_directions() {
        assert_eq!(found("a{n=\"1\"} 7\na{n=\"2\"} 104\na{n=\"3\"} 103\n"), 0);
        assert_eq!(found("a{n=\"2\"} 104\na{n=\"3\"} 103\na{n=\"4\"} 1\n"), 2);
        assert_eq!(found("a{n=\"1\"} 8\na{n=\"2\"} 104\na{n=\"3\"} 103\n"), 1);
    }

    #[test]
    fn the_age_of_a_neighbouring_record_is_a_difference() {
        assert_eq!(found("a{n=\"1\"} 7\na{n=\"2\"} 104\na{n=\"3\"} 104\n"), 1);
        assert_eq!(found("a{n=\"1\"} 7\na{n=\"2\"} 204\na{n=\"3\"} 203\n"), 2);
    }
}
