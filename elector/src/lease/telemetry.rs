//! What is counted about the Lease, for the elector's own `/metrics`.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Counters of the lease half. Clones count into the same metrics.
#[derive(Clone, Debug)]
pub struct LeaseTelemetry {
    renewals: IntCounterVec,
    requests: HistogramVec,
    transitions: IntCounterVec,
}

// === impl LeaseTelemetry ===

impl LeaseTelemetry {
    /// Counters that stand at nothing, not yet registered anywhere.
    ///
    /// # Errors
    /// Never in practice: only if a name below were no name of a metric.
    pub fn new() -> prometheus::Result<Self> {
        Ok(Self {
            renewals: IntCounterVec::new(
                Opts::new(
                    "klag_elector_renewals_total",
                    "Writes that were to take or renew the Lease, by result.",
                ),
                &["result"],
            )?,
            requests: HistogramVec::new(
                HistogramOpts::new(
                    "klag_elector_api_request_duration_seconds",
                    "Time from sending a request about the Lease to its complete answer, by what was asked and the result.",
                )
                .buckets(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
                ]),
                &["verb", "result"],
            )?,
            transitions: IntCounterVec::new(
                Opts::new(
                    "klag_elector_transitions_total",
                    "Changes between holding the Lease and not holding it, by direction and reason.",
                ),
                &["to", "reason"],
            )?,
        })
    }

    /// Adds the metrics to `registry`.
    ///
    /// # Errors
    /// Where the registry has metrics of these names already.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.renewals.clone()))?;
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.transitions.clone()))
    }
}
