//! The metrics about this process, as `/metrics` serves them.
//!
//! What the lease half counts is its own, and registered here.

use prometheus::{Encoder, Gauge, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use shared::leadership::State;
use shared::telemetry::DroppedLines;

use crate::desk::Facts;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision it was built from, where the build said so.
pub const REVISION: &str = match option_env!("KLAG_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Every state there is.
const STATES: [State; 9] = [
    State::Starting,
    State::Parked,
    State::Standby,
    State::Campaigning,
    State::Leading,
    State::Draining,
    State::Fenced,
    State::Blocked,
    State::SingleInstance,
];

/// What an answer comes to.
const RESULTS: [&str; 3] = ["granted", "told", "abandoned"];

/// The families of `/metrics`.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    state: IntGaugeVec,
    reason: IntGaugeVec,
    trouble: IntGaugeVec,
    term: Gauge,
    claim: Gauge,
    grant: Gauge,
    answers: IntCounterVec,
}

// === impl Telemetry ===

impl Telemetry {
    /// Every family of this half, with every member of a closed label set at 0.
    ///
    /// # Errors
    /// Where two families have one name, which is a bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let telemetry = Self {
            registry: Registry::new(),
            state: labelled(
                "state",
                "1 for what the elector is doing, 0 for every other state.",
                &["state"],
            )?,
            reason: labelled(
                "reason_info",
                "Always 1; the label says why the elector is doing that.",
                &["reason"],
            )?,
            trouble: labelled(
                "trouble_info",
                "1 while something keeps this pod from taking part in the election, absent otherwise; the labels say what.",
                &["reason", "detail"],
            )?,
            term: Gauge::new(
                name("term"),
                "Fencing number of the leadership that this pod holds, 0 if it holds none.",
            )?,
            claim: Gauge::new(
                name("claim_valid_seconds"),
                "For how long the Lease is this pod's without another renewal, 0 if it is not.",
            )?,
            grant: Gauge::new(
                name("grant_valid_seconds"),
                "For how long a consumer may still act on what it was granted, 0 if none may.",
            )?,
            answers: IntCounterVec::new(
                Opts::new(
                    name("answers_total"),
                    "Questions who leads, by what they came to: granted, told (facts without a grant), abandoned by the asker.",
                ),
                &["result"],
            )?,
        };
        telemetry.register()?;
        Ok(telemetry)
    }

    /// The counter of answers, by `result`.
    pub fn answers(&self) -> IntCounterVec {
        self.answers.clone()
    }

    /// Where the lease half registers what it counts.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The text of every family.
    ///
    /// # Errors
    /// Where a family cannot be written as text, which is a bug.
    pub fn render(&self, facts: &Facts) -> Result<String, prometheus::Error> {
        for state in STATES {
            let current = i64::from(state == facts.report.state);
            self.state.with_label_values(&[state.label()]).set(current);
        }
        self.reason.reset();
        self.reason
            .with_label_values(&[facts.report.reason.label()])
            .set(1);
        self.trouble.reset();
        if let Some(trouble) = &facts.trouble {
            self.trouble
                .with_label_values(&[trouble.reason.label(), trouble.cause])
                .set(1);
        }
        self.term.set(term_sample(facts.report.term));
        self.claim.set(facts.claim_left.as_secs_f64());
        self.grant.set(facts.grant_left.as_secs_f64());
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let build = labelled(
            "build_info",
            "Always 1; the labels say what is running.",
            &["version", "revision"],
        )?;
        build.with_label_values(&[VERSION, REVISION]).set(1);
        self.registry.register(Box::new(build))?;
        for family in [&self.state, &self.reason, &self.trouble] {
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
