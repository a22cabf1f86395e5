//! The metrics of the lease half, which are part of the elector's own `/metrics`.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::guard::outcome::Outcome;
use crate::guard::request::{Patch, RequestKind};

/// The upper bounds of the latency histogram. Seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The metrics of the lease half. Clones count into the same metrics.
#[derive(Clone, Debug)]
pub struct LeaseTelemetry {
    renewals: IntCounterVec,
    requests: HistogramVec,
    transitions: IntCounterVec,
}

// === impl LeaseTelemetry ===

impl LeaseTelemetry {
    /// Returns metrics that are not registered yet.
    ///
    /// # Errors
    /// Returns an error if a name or label below is not valid, which is a bug.
    pub fn new() -> prometheus::Result<Self> {
        Ok(Self {
            renewals: IntCounterVec::new(
                Opts::new(
                    "kafka_lag_exporter_elector_renewals_total",
                    "Writes that acquire or renew the Lease, by result.",
                ),
                &["result"],
            )?,
            requests: HistogramVec::new(
                HistogramOpts::new(
                    "kafka_lag_exporter_elector_api_request_duration_seconds",
                    "Duration in seconds of requests about the Lease to the Kubernetes API server, by verb and result.",
                )
                .buckets(BUCKETS.to_vec()),
                &["verb", "result"],
            )?,
            transitions: IntCounterVec::new(
                Opts::new(
                    "kafka_lag_exporter_elector_transitions_total",
                    "Transitions of this process to leader and to standby, by reason.",
                ),
                &["to", "reason"],
            )?,
        })
    }

    /// Adds the metrics to `registry`.
    ///
    /// # Errors
    /// Returns an error if the registry has metrics of these names already.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.renewals.clone()))?;
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.transitions.clone()))
    }

    /// Counts a request that was sent, by its kind and outcome, and the time that the request took.
    pub(crate) fn request_answered(&self, kind: RequestKind, outcome: &Outcome, took: Duration) {
        let result = match outcome {
            Outcome::Lease(_) => "ok",
            Outcome::Status { code: 403, .. } => "forbidden",
            Outcome::Status { code: 404, .. } => "absent",
            Outcome::Status { code: 409, .. } => "conflict",
            Outcome::Status { .. } | Outcome::Failed(_) => "error",
            Outcome::TimedOut => "timeout",
        };
        let labels = [kind.verb(), result];
        self.requests
            .with_label_values(&labels)
            .observe(took.as_secs_f64());
        self.count(kind, result);
    }

    /// Counts a request of kube-lease-manager that the guard refused, so that it was not sent.
    pub(crate) fn request_refused(&self, kind: RequestKind) {
        self.count(kind, "refused");
    }

    fn count(&self, kind: RequestKind, result: &str) {
        if let RequestKind::Patch(Patch::Acquire | Patch::Renew) = kind {
            self.renewals.with_label_values(&[result]).inc();
        }
    }

    /// Counts that this process came to hold the Lease.
    pub(crate) fn became_leader(&self) {
        let labels = ["leader", "renewed"];
        self.transitions.with_label_values(&labels).inc();
    }

    /// Counts that this process stopped holding the Lease, for `reason`.
    pub(crate) fn became_standby(&self, reason: &str) {
        let labels = ["standby", reason];
        self.transitions.with_label_values(&labels).inc();
    }
}
