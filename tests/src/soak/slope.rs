//! The slope of a value over time, by least squares.

use serde::Serialize;

/// The line that fits some values best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Line {
    /// The change in an hour.
    pub(super) per_hour: f64,
    /// The first and the last value.
    pub(super) first: f64,
    pub(super) last: f64,
    /// The least and the greatest value.
    pub(super) least: f64,
    pub(super) most: f64,
    /// The number of values.
    pub(super) n: usize,
}

/// Returns the line through points of a time in seconds and a value; `None` if there are fewer than three.
pub(super) fn through(points: &[(f64, f64)]) -> Option<Line> {
    let (first, last) = (points.first()?.1, points.last()?.1);
    if points.len() < 3 {
        return None;
    }
    let n = points.iter().map(|_| 1.0).sum::<f64>();
    let mean_at = points.iter().map(|(at, _)| at).sum::<f64>() / n;
    let mean = points.iter().map(|(_, value)| value).sum::<f64>() / n;
    let spread: f64 = points.iter().map(|(at, _)| (at - mean_at).powi(2)).sum();
    let common = points
        .iter()
        .map(|(at, value)| (at - mean_at) * (value - mean));
    let values = points.iter().map(|(_, value)| *value);
    Some(Line {
        per_hour: 3600.0 * common.sum::<f64>() / spread.max(f64::MIN_POSITIVE),
        first,
        last,
        least: values.clone().fold(f64::INFINITY, f64::min),
        most: values.fold(f64::NEG_INFINITY, f64::max),
        n: points.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_grows_has_its_growth_as_slope() {
        let points: Vec<_> = (0..100)
            .map(|n| (f64::from(n) * 5.0, 7.0 + f64::from(n)))
            .collect();
        let line = through(&points).unwrap();
        assert!((line.per_hour - 720.0).abs() < 1e-6, "{line:?}");
        assert!((line.first - 7.0).abs() < 1e-9 && (line.most - 106.0).abs() < 1e-9);
    }

    #[test]
    fn noise_around_a_level_has_no_slope() {
        let points: Vec<_> = (0..100).map(|n| (f64::from(n), f64::from(n % 2))).collect();
        assert!(through(&points).unwrap().per_hour.abs() < 2.0);
        assert_eq!(through(&points[..2]), None);
    }
}
