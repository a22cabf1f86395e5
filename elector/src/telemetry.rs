//! The metrics about this process, as `/metrics` serves them.
//!
//! The lease half has metrics of its own, and registers them here.

use prometheus::{Encoder, Gauge, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use shared::leadership::State;
use shared::telemetry::DroppedLines;
use shared::web::WebMetrics;

use crate::answer::MetricValues;

/// The version of this program, as Cargo.toml has it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision that this program was built from, or "unknown".
pub const REVISION: &str = match option_env!("KLAG_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Every state that the family `state` has a series for.
const STATES: [State; 9] = [
    State::Starting,
    State::Parked,
    State::Standby,
    State::Campaigning,
    State::Leading,
    State::Draining,
    State::LeaseExpired,
    State::Blocked,
    State::SingleInstance,
];

/// Every result that the counter of answers has a series for.
const RESULTS: [&str; 3] = ["granted", "not_granted", "abandoned"];

/// The metric families that `/metrics` serves, and their registry.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    state: IntGaugeVec,
    reason: IntGaugeVec,
    problem: IntGaugeVec,
    term: Gauge,
    claim: Gauge,
    grant: Gauge,
    answers: IntCounterVec,
}

// === impl Telemetry ===

impl Telemetry {
    /// Creates and registers every family but those of the lease half. The counters of answers start at 0.
    ///
    /// # Errors
    /// Returns an error if two families have the same name, which is a bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let telemetry = Self {
            registry: Registry::new(),
            state: labelled(
                "state",
                "1 for the present state of the elector, 0 for every other state.",
                &["state"],
            )?,
            reason: labelled(
                "reason_info",
                "Always 1; the label is the cause of the present state.",
                &["reason"],
            )?,
            problem: labelled(
                "problem_info",
                "1 while a problem keeps this pod from taking part in the election, absent otherwise; the labels name the problem.",
                &["reason", "detail"],
            )?,
            term: Gauge::new(
                name("term"),
                "Fencing token (term) of the leadership that this pod holds, 0 if it holds none.",
            )?,
            claim: Gauge::new(
                name("claim_valid_seconds"),
                "Seconds for which this pod holds the Lease without another renewal, 0 if it does not hold it.",
            )?,
            grant: Gauge::new(
                name("grant_valid_seconds"),
                "Seconds for which the collector may still act on the last answer that granted leadership, 0 if it may not.",
            )?,
            answers: IntCounterVec::new(
                Opts::new(
                    name("answers_total"),
                    "Answers to GET /leader, by result: granted (the collector may act), not_granted (it may not), abandoned (the client closed the connection).",
                ),
                &["result"],
            )?,
        };
        telemetry.register()?;
        Ok(telemetry)
    }

    /// Returns the counter of answers, into which each source of leadership counts.
    pub fn answers(&self) -> IntCounterVec {
        self.answers.clone()
    }

    /// Registers and returns the metrics about the web configuration. The program calls it once, if there is a web configuration.
    ///
    /// # Errors
    /// The metrics are registered already, which is a bug.
    pub fn web(&self) -> Result<WebMetrics, prometheus::Error> {
        WebMetrics::register("kafka_lag_exporter_elector", &self.registry)
    }

    /// Returns the registry, for the metrics of the lease half.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the text of every family, with `values` as the current values.
    ///
    /// # Errors
    /// Returns an error if a family cannot be written as text, which is a bug.
    pub fn render(&self, values: &MetricValues) -> Result<String, prometheus::Error> {
        for state in STATES {
            let current = i64::from(state == values.report.state);
            self.state.with_label_values(&[state.label()]).set(current);
        }
        self.reason.reset();
        self.reason
            .with_label_values(&[values.report.reason.label()])
            .set(1);
        self.problem.reset();
        if let Some(problem) = &values.problem {
            self.problem
                .with_label_values(&[problem.reason.label(), problem.cause])
                .set(1);
        }
        self.term.set(term_sample(values.report.term));
        self.claim.set(values.claim_left.as_secs_f64());
        self.grant.set(values.grant_left.as_secs_f64());
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let build = labelled(
            "build_info",
            "Always 1; the labels are the version and the revision of the program.",
            &["version", "revision"],
        )?;
        build.with_label_values(&[VERSION, REVISION]).set(1);
        self.registry.register(Box::new(build))?;
        for family in [&self.state, &self.reason, &self.problem] {
            self.registry.register(Box::new(family.clone()))?;
        }
        for family in [&self.term, &self.claim, &self.grant] {
            self.registry.register(Box::new(family.clone()))?;
        }
        self.registry.register(Box::new(self.answers.clone()))?;
        let dropped = DroppedLines::new(&name("log_lines_dropped_total"))?;
        self.registry.register(Box::new(dropped))?;
        for result in RESULTS {
            self.answers.with_label_values(&[result]);
        }
        #[cfg(target_os = "linux")]
        self.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(())
    }
}

fn name(rest: &str) -> String {
    format!("kafka_lag_exporter_elector_{rest}")
}

fn labelled(rest: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name(rest), help), labels)
}

#[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
fn term_sample(term: u64) -> f64 {
    term as f64
}
