//! The metrics about this process, as `/telemetry` serves them on every pod, whatever its role.
//!
//! Nothing here is about Kafka: those metrics are part of the exposition, and end with the leadership.

use prometheus::{
    Encoder, Gauge, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use shared::telemetry::DroppedLines;
use shared::web::WebMetrics;
use tokio::time::Instant;

use crate::gate::{Gate, Until};
use crate::leadership::evaluate::PollResult;
use crate::leadership::transition_labels;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision that this program was built from; `unknown` if the build did not name one.
pub const REVISION: &str = match option_env!("KLAG_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// The families of `/telemetry`.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    leader: Gauge,
    term: Gauge,
    valid: GaugeVec,
    transitions: IntCounterVec,
    requests: IntCounterVec,
}

// === impl Telemetry ===

impl Telemetry {
    /// Registers every family, with each combination of a closed label set at 0.
    ///
    /// # Errors
    /// Two families have the same name, which is a bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let telemetry = Self {
            registry: Registry::new(),
            leader: Gauge::new(
                "kafka_lag_exporter_leader",
                "1 while this pod is the leader and may collect, else 0.",
            )?,
            term: Gauge::new(
                "kafka_lag_exporter_leadership_term",
                "Fencing token (term) of the leadership under which this pod may collect; 0 on standby and without leader election.",
            )?,
            valid: GaugeVec::new(
                Opts::new(
                    "kafka_lag_exporter_leadership_valid_seconds",
                    "Seconds for which this pod may go on collecting without a new answer of the leadership source; 0 on standby, absent without leader election.",
                ),
                &[],
            )?,
            transitions: IntCounterVec::new(
                Opts::new(
                    "kafka_lag_exporter_leader_transitions_total",
                    "Transitions of this pod to leader and to standby, by reason.",
                ),
                &["to", "reason"],
            )?,
            requests: IntCounterVec::new(
                Opts::new(
                    "kafka_lag_exporter_http_requests_total",
                    "HTTP requests answered, by path (other for a path that does not exist) and status.",
                ),
                &["path", "status"],
            )?,
        };
        telemetry.register()?;
        for (to, reason) in transition_labels() {
            telemetry.transitions.with_label_values(&[to, reason]);
        }
        Ok(telemetry)
    }

    /// Returns the counter of the gate's transitions, by `to` and `reason`.
    pub fn transitions(&self) -> IntCounterVec {
        self.transitions.clone()
    }

    /// Registers and returns the counter of the polls of the source of leadership, by `result`, with each result at 0. To be
    /// called once, and only if there is an election: without an election there are no polls.
    ///
    /// # Errors
    /// The counter is registered already, which is a bug.
    pub fn polls(&self) -> Result<IntCounterVec, prometheus::Error> {
        let polls = IntCounterVec::new(
            Opts::new(
                "kafka_lag_exporter_leadership_polls_total",
                "Requests to the leadership source, by result.",
            ),
            &["result"],
        )?;
        self.registry.register(Box::new(polls.clone()))?;
        for result in PollResult::ALL {
            polls.with_label_values(&[result.label()]);
        }
        Ok(polls)
    }

    /// Registers and returns the metrics about the web configuration. The program calls it once, if there is a web configuration.
    ///
    /// # Errors
    /// The metrics are registered already, which is a bug.
    pub fn web(&self) -> Result<WebMetrics, prometheus::Error> {
        WebMetrics::register("kafka_lag_exporter", &self.registry)
    }

    /// Counts an answered request. `path` must come from a closed set, because each path makes a series.
    pub fn count_request(&self, path: &str, status: u16) {
        let mut digits = itoa::Buffer::new();
        self.requests
            .with_label_values(&[path, digits.format(status)])
            .inc();
    }

    /// Renders every family as text, with the gate as it is at `now`.
    ///
    /// # Errors
    /// A family cannot be written as text, which is a bug.
    pub fn render(&self, gate: Gate, now: Instant) -> Result<String, prometheus::Error> {
        let (leader, term, valid) = match gate.permit(now) {
            Ok(permit) => (
                1.0,
                term_sample(permit.term),
                seconds_left(permit.until, now),
            ),
            Err(_) => (0.0, 0.0, Some(0.0)),
        };
        self.leader.set(leader);
        self.term.set(term);
        self.valid.reset();
        if let Some(valid) = valid {
            self.valid.with_label_values::<&str>(&[]).set(valid);
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let build = IntGaugeVec::new(
            Opts::new(
                "kafka_lag_exporter_build_info",
                "Always 1; the labels are the version and the revision of the program.",
            ),
            &["version", "revision"],
        )?;
        build.with_label_values(&[VERSION, REVISION]).set(1);
        self.registry.register(Box::new(build))?;
        self.registry.register(Box::new(self.leader.clone()))?;
        self.registry.register(Box::new(self.term.clone()))?;
        self.registry.register(Box::new(self.valid.clone()))?;
        self.registry.register(Box::new(self.transitions.clone()))?;
        self.registry.register(Box::new(self.requests.clone()))?;
        let dropped = DroppedLines::new("kafka_lag_exporter_log_lines_dropped_total")?;
        self.registry.register(Box::new(dropped))?;
        #[cfg(target_os = "linux")]
        self.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
fn term_sample(term: u64) -> f64 {
    term as f64
}

fn seconds_left(until: Until, now: Instant) -> Option<f64> {
    match until {
        Until::Forever => None,
        Until::At(end) => Some(end.saturating_duration_since(now).as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::ClosedReason;

    fn samples(gate: Gate, now: Instant) -> Vec<String> {
        let telemetry = Telemetry::new().unwrap();
        telemetry.count_request("/ready", 503);
        let text = telemetry.render(gate, now).unwrap();
        let ours = text
            .lines()
            .filter(|line| line.starts_with("kafka_lag_exporter_"));
        ours.map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_leader_shows_its_term_and_the_rest_of_its_permission() {
        let now = Instant::now();
        let until = Until::At(now + Duration::from_millis(4500));
        let samples = samples(
            Gate::Open {
                until,
                term: 4_821_377,
                opening: 1,
            },
            now,
        );
        assert_eq!(
            samples,
            [
                concat!(
                    "kafka_lag_exporter_build_info{revision=\"unknown\",version=\"",
                    env!("CARGO_PKG_VERSION"),
                    "\"} 1"
                ),
                "kafka_lag_exporter_http_requests_total{path=\"/ready\",status=\"503\"} 1",
                "kafka_lag_exporter_leader 1",
                "kafka_lag_exporter_leader_transitions_total{reason=\"contradiction\",to=\"standby\"} 0",
                "kafka_lag_exporter_leader_transitions_total{reason=\"expired\",to=\"standby\"} 0",
                "kafka_lag_exporter_leader_transitions_total{reason=\"foreign_identity\",to=\"standby\"} 0",
                "kafka_lag_exporter_leader_transitions_total{reason=\"granted\",to=\"leader\"} 0",
                "kafka_lag_exporter_leader_transitions_total{reason=\"lower_term\",to=\"standby\"} 0",
                "kafka_lag_exporter_leader_transitions_total{reason=\"shutting_down\",to=\"standby\"} 0",
                "kafka_lag_exporter_leader_transitions_total{reason=\"standby\",to=\"standby\"} 0",
                "kafka_lag_exporter_leadership_term 4821377",
                "kafka_lag_exporter_leadership_valid_seconds 4.5",
                "kafka_lag_exporter_log_lines_dropped_total 0",
            ]
        );
    }

    #[test]
    fn without_an_election_there_is_no_rest_of_a_permission() {
        let gate = Gate::Open {
            until: Until::Forever,
            term: 0,
            opening: 1,
        };
        let samples = samples(gate, Instant::now());
        assert!(
            !samples.iter().any(|s| s.contains("valid_seconds")),
            "{samples:#?}"
        );
    }

    #[test]
    fn a_permission_that_has_ended_counts_as_none_without_a_message() {
        let now = Instant::now();
        let gates = [
            Gate::Open {
                until: Until::At(now),
                term: 9,
                opening: 1,
            },
            Gate::Closed {
                reason: ClosedReason::Standby,
            },
        ];
        for gate in gates {
            let samples = samples(gate, now);
            assert!(
                samples.iter().any(|s| s == "kafka_lag_exporter_leader 0"),
                "{samples:#?}"
            );
        }
    }
}
