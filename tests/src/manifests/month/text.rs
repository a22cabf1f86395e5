//! Samples in the notation of promtool's tests.

use std::fmt::Write as _;

/// Returns true if any of the samples is there.
pub(super) fn present(samples: &[Option<f64>]) -> bool {
    samples.iter().any(Option::is_some)
}

/// Returns the samples in promtool's notation, with each run of equal samples as one word. A series that ends is marked as stale,
/// as by Prometheus.
pub(super) fn values(samples: &[Option<f64>]) -> String {
    let mut text = String::new();
    let mut before = None;
    for run in samples.chunk_by(|one, other| one == other) {
        let mut n = run.len();
        match run[0] {
            // promtool takes a repeated infinity only with an explicit step.
            Some(value) if value.is_infinite() => write!(text, "+Inf+0x{} ", n - 1),
            Some(value) if n == 1 => write!(text, "{value} "),
            Some(value) => write!(text, "{value}x{} ", n - 1),
            None => {
                if before.flatten().is_some() {
                    text += "stale ";
                    n -= 1;
                }
                if n > 0 {
                    write!(text, "_x{n} ")
                } else {
                    Ok(())
                }
            }
        }
        .expect("a string takes everything");
        before = Some(run[0]);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_one_word_and_an_end_is_stale() {
        let samples = [
            None,
            None,
            Some(1.0),
            Some(1.0),
            None,
            Some(2.5),
            None,
            None,
        ];
        assert_eq!(values(&samples), "_x2 1x1 stale 2.5 stale _x1");
        assert_eq!(values(&[Some(f64::INFINITY); 2]), "+Inf+0x1");
    }
}
