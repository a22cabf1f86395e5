//! The number of dropped log lines, as a metric.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, Metric, MetricFamily};
use prometheus::{IntCounter, Opts};

/// A counter of the log lines of this process that were dropped.
#[derive(Debug)]
pub struct DroppedLines(IntCounter);

// === impl DroppedLines ===

impl DroppedLines {
    /// Makes a counter metric called `name`.
    ///
    /// # Errors
    /// Returns an error if `name` is not a valid metric name.
    pub fn new(name: &str) -> prometheus::Result<Self> {
        let help =
            "Log lines that were dropped because nobody read stderr or it could not be written.";
        Ok(Self(IntCounter::with_opts(Opts::new(name, help))?))
    }
}

impl Collector for DroppedLines {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut counter = proto::Counter::default();
        counter.set_value(sample(super::stderr().dropped()));
        let mut metric = Metric::default();
        metric.set_counter(counter);
        let mut families = self.0.collect();
        for family in &mut families {
            family.set_metric(vec![metric.clone()]);
        }
        families
    }
}

#[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
const fn sample(n: u64) -> f64 {
    n as f64
}
