//! Answers of a source of leadership, as the collector reads and follows them.
//!
//! A case is a sequence of answers, separated by NUL. The first three bytes of each are its status, the time that it travelled and
//! the pause before it was asked for; the others are the body. The property: the gate opens only by a whole and consistent yes for this
//! pod, read by another reader, and never for longer than that grants; and an elector's own answers are read as they were meant.

use std::sync::LazyLock;
use std::time::Duration;

use collector::gate::{Gate, Until};
use collector::leadership::answer::{Answer, AnswerForm, Certainty, MAX_BODY, Unusable};
use collector::leadership::evaluate::{Decision, Evaluator, PollResult, Times};
use elector::answer::LeaderAnswer;
use serde::Deserialize;
use shared::config::{self, Election, Environment, Leadership, Program};
use shared::leadership::{LeaderReport, State};
use tokio::time::Instant;

use super::case::{Case, assert_one_line, within};

/// The identity of the pod that asks.
const US: &str = "pod-a";

/// The longest message about an answer, in characters. A repeated key has at most 64, each of which may be escaped.
const MAX_MESSAGE: usize = 1000;

/// The words of the contract for states and reasons.
const STATES: [&str; 9] = [
    "starting",
    "parked",
    "standby",
    "campaigning",
    "leading",
    "draining",
    "lease-expired",
    "blocked",
    "single-instance",
];
const REASONS: [&str; 5] = [
    "renewed",
    "not_holder",
    "expired",
    "disabled",
    "consumer_refuses",
];

static ELECTION: LazyLock<Election> = LazyLock::new(|| {
    let text = "[exporter.leadership]\nenabled = true\nidentity = \"pod-a\"\nlease_duration_secs = 15\n\
                max_staleness_secs = 5\n[[clusters]]\nname = \"c\"\nbootstrap_servers = \"k:1\"\n";
    let environment = Environment::default();
    let loaded = config::parse(text, "config.toml", Program::Collector, &environment);
    match loaded.expect("a good file").config.exporter.leadership {
        Leadership::Elected(election) => *election,
        Leadership::SingleInstance => unreachable!("there is an election"),
    }
});

/// A permission that an answer gives, by a reading that is independent of the collector's.
struct Permission {
    time: Duration,
    term: u64,
}

/// The plain forms of an answer.
#[derive(Deserialize)]
struct Plain {
    is_leader: Option<bool>,
    name: Option<String>,
    identity: Option<String>,
}

/// The collector's side of the conversation.
struct Consumer {
    evaluator: Evaluator,
    gate: Gate,
    now: Instant,
}

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let mut consumer = Consumer {
        evaluator: Evaluator::new(&ELECTION),
        gate: Gate::Closed {
            reason: collector::gate::ClosedReason::Starting,
        },
        now: Instant::now(),
    };
    for answer in bytes.split(|byte| *byte == 0).take(16) {
        consumer.poll(Case::new(answer));
    }
    check_own_answer(Case::new(bytes));
}

/// Checks that an elector's answer with any values is read as it was meant.
fn check_own_answer(mut case: Case<'_>) {
    let word = |words: &[&str], n: u8| serde_json::Value::from(words[usize::from(n) % words.len()]);
    let state = serde_json::from_value(word(&STATES, case.byte()));
    let reason = serde_json::from_value(word(&REASONS, case.byte()));
    let report = LeaderReport {
        is_leader: case.byte() % 2 == 1,
        identity: case.text(),
        name: case.text(),
        term: case.number(),
        valid_for_ms: case.number(),
        state: state.expect("a word of the contract"),
        reason: reason.expect("a word of the contract"),
    };
    let detail = (case.byte() % 2 == 1).then(|| case.text());
    let own = LeaderAnswer {
        report: report.clone(),
        detail: detail.clone(),
    };
    let body = serde_json::to_vec(&own).expect("it is JSON");
    assert!(body.len() <= MAX_BODY, "{} bytes", body.len());
    let read = Answer::read(200, &body).expect("an elector's answer");
    assert_eq!(read.form, AnswerForm::Contract(Box::new(report), detail));
}

// === impl Consumer ===

impl Consumer {
    fn poll(&mut self, mut case: Case<'_>) {
        let status = match case.byte() {
            b'2' => 200,
            b'5' => 503,
            other => 100 + 2 * u16::from(other),
        };
        let travelled = Duration::from_millis(40 * u64::from(case.byte()));
        self.now += Duration::from_millis(100 * u64::from(case.byte()));
        let asked_at = self.now;
        self.now += travelled;
        let times = Times {
            asked_at,
            now: self.now,
        };
        let body = case.rest();
        // A list of small items is the largest tree of a text of the same length.
        let limit = 64 * body.len().min(MAX_BODY) + 4096;
        let decision = match within(limit, || Answer::read(status, body)) {
            Ok(answer) => self.follow(&answer, times, body),
            Err(unusable) => refused(&unusable),
        };
        if let Decision::Open { until, term } = decision {
            let permission = permission(status, body).expect("the gate opens by a yes only");
            assert_eq!(until, asked_at + permission.time);
            assert_eq!(term, permission.term);
        }
        self.apply(decision);
        if let Gate::Open {
            until: Until::At(until),
            ..
        } = self.gate
        {
            assert!(until <= self.now + ELECTION.lease_duration);
        }
    }

    fn follow(&mut self, answer: &Answer, times: Times, body: &[u8]) -> Decision {
        assert!(std::str::from_utf8(body).is_ok(), "JSON is UTF-8");
        if let Some(found) = self.evaluator.contradiction(&answer.form) {
            assert_one_line(&found.to_string(), MAX_MESSAGE);
        }
        let (decision, result) = self.evaluator.evaluate(answer, times, self.gate);
        let opens = matches!(decision, Decision::Open { .. });
        assert!(!opens || answer.certainty == Certainty::Definite);
        let is_yes = matches!(
            result,
            PollResult::Granted | PollResult::GrantedLowerTerm | PollResult::Late
        );
        assert_eq!(opens, is_yes);
        decision
    }

    fn apply(&mut self, decision: Decision) {
        match decision {
            Decision::Open { until, term } => {
                self.gate = Gate::Open {
                    until: Until::At(until),
                    term,
                    opening: 1,
                };
            }
            Decision::Close(reason) => self.gate = Gate::Closed { reason },
            Decision::Keep => {}
        }
    }
}

fn refused(unusable: &Unusable) -> Decision {
    assert_one_line(&unusable.to_string(), MAX_MESSAGE);
    let decision = Evaluator::evaluate_unusable(unusable);
    assert!(!matches!(decision, Decision::Open { .. }));
    decision
}

/// Returns what an answer permits, by serde's own reading of each form; `None` where it permits nothing.
fn permission(status: u16, body: &[u8]) -> Option<Permission> {
    if status != 200 || body.len() > MAX_BODY {
        return None;
    }
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let has = |name| fields.contains_key(name);
    if has("term") || has("state") || has("valid_for_ms") {
        let report: LeaderReport = serde_json::from_slice(body).ok()?;
        let time = Duration::from_millis(report.valid_for_ms);
        let acts = match report.state {
            State::Leading => time <= ELECTION.lease_duration,
            State::SingleInstance => true,
            _ => false,
        };
        let is_ours = report.identity == US && report.name == US;
        let yes = acts && is_ours && report.is_leader && !time.is_zero();
        return yes.then(|| Permission {
            time: time.min(ELECTION.lease_duration),
            term: report.term,
        });
    }
    let Plain {
        is_leader,
        name,
        identity,
    } = serde_json::from_slice(body).ok()?;
    let is_ours = identity.is_none_or(|identity| identity == US);
    let yes = match (is_leader, name) {
        (Some(yes), name) => yes && name.is_none_or(|name| name == US),
        (None, name) => name.as_deref() == Some(US),
    };
    (yes && is_ours).then_some(Permission {
        time: ELECTION.max_staleness,
        term: 0,
    })
}
