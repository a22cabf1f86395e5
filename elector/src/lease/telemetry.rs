//! What is counted about the Lease, for the elector's own `/metrics`.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::guard::Reply;
use crate::guard::ask::{Ask, Write};

/// Upper bounds of the latency histogram. Seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

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
                    "kafka_lag_exporter_elector_renewals_total",
                    "Writes that were to take or keep the Lease, by result.",
                ),
                &["result"],
            )?,
            requests: HistogramVec::new(
                HistogramOpts::new(
                    "kafka_lag_exporter_elector_api_request_duration_seconds",
                    "Time from sending a request about the Lease to the end of its answer, by verb and result.",
                )
                .buckets(BUCKETS.to_vec()),
                &["verb", "result"],
            )?,
            transitions: IntCounterVec::new(
                Opts::new(
                    "kafka_lag_exporter_elector_transitions_total",
                    "Times this process came to hold the Lease or stopped holding it, by reason.",
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

    pub(crate) fn answered(&self, ask: Ask, reply: &Reply, took: Duration) {
        let result = match reply {
            Reply::Lease(_) => "ok",
            Reply::Status { code: 403, .. } => "forbidden",
            Reply::Status { code: 404, .. } => "absent",
            Reply::Status { code: 409, .. } => "conflict",
            Reply::Status { .. } | Reply::Failed(_) => "error",
            Reply::TimedOut => "timeout",
        };
        let labels = [ask.verb(), result];
        self.requests
            .with_label_values(&labels)
            .observe(took.as_secs_f64());
        self.count(ask, result);
    }

    /// A request of kube-lease-manager was not sent.
    pub(crate) fn refused(&self, ask: Ask) {
        self.count(ask, "refused");
    }

    fn count(&self, ask: Ask, result: &str) {
        if let Ask::Write(Write::Acquire | Write::Renew) = ask {
            self.renewals.with_label_values(&[result]).inc();
        }
    }

    pub(crate) fn became_leader(&self) {
        let labels = ["leader", "renewed"];
        self.transitions.with_label_values(&labels).inc();
    }

    pub(crate) fn became_standby(&self, reason: &str) {
        let labels = ["standby", reason];
        self.transitions.with_label_values(&labels).inc();
    }
}
