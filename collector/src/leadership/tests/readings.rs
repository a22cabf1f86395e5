//! A comparison with a second reader of answers, over generated answers.
//!
//! The reference takes the text apart with [`scan`], which keeps repeated keys, and applies the rules of the contract as they are
//! written for people. The gate must open for exactly those answers that have one reading, and that reading is a yes.

mod answers;
mod scan;

use std::time::Duration;

use prometheus::IntCounterVec;
use tokio::time::Instant;

use self::answers::{Answers, Body};
use self::scan::Json;
use super::{LEASE, US, election, transitions};
use crate::gate::{ClosedReason, Gate, Until};
use crate::leadership::answer::Answer;
use crate::leadership::evaluate::{Decision, Evaluator, Times};
use crate::leadership::gate_writer::GateWriter;

const N_ANSWERS: u32 = 100_000;

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

const REASONS: [&str; 14] = [
    "starting",
    "renewed",
    "not_holder",
    "expired",
    "api_unreachable",
    "forbidden",
    "lease_missing",
    "duplicate_identity",
    "consumer_silent",
    "consumer_unhealthy",
    "consumer_refuses",
    "feature_missing",
    "disabled",
    "shutting_down",
];

/// The result of reading an answer with the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The answer has one reading, which is a yes.
    Yes,
    /// The answer has one reading, which is not a yes.
    NotYes,
    /// The answer has several readings, or none.
    NotOne,
}

fn reading(status: u16, body: &str) -> Reading {
    let Some(json) = scan::scan(body) else {
        return Reading::NotOne;
    };
    if json.n_readings() != 1 {
        return Reading::NotOne;
    }
    if status == 200 && says_yes(&json) {
        Reading::Yes
    } else {
        Reading::NotYes
    }
}

fn says_yes(json: &Json) -> bool {
    let Json::Fields(_) = json else {
        return false;
    };
    let whole = ["term", "state", "valid_for_ms"]
        .iter()
        .any(|mark| json.field(mark).is_some());
    let ours = |name| match json.field(name) {
        None | Some(Json::Null) => true,
        field => field.and_then(Json::text) == Some(US),
    };
    if whole {
        return contract_says_yes(json);
    }
    match json.field("is_leader") {
        Some(flag) => *flag == Json::Bool(true) && ours("identity") && ours("name"),
        None => ours("identity") && json.field("name").and_then(Json::text) == Some(US),
    }
}

fn contract_says_yes(json: &Json) -> bool {
    let text = |name| json.field(name).and_then(Json::text);
    let number = |name| json.field(name).and_then(Json::whole_number);
    let (Some(state), Some(reason)) = (text("state"), text("reason")) else {
        return false;
    };
    let time = match (state, number("valid_for_ms")) {
        ("leading", Some(ms)) => (1..=LEASE).contains(&ms),
        ("single-instance", Some(ms)) => ms >= 1,
        _ => false,
    };
    let detail = matches!(
        json.field("detail"),
        None | Some(Json::Null | Json::Text(_))
    );
    let denied = ["starting", "not_holder", "expired", "shutting_down"];
    json.field("is_leader") == Some(&Json::Bool(true))
        && text("identity") == Some(US)
        && text("name") == Some(US)
        && number("term").is_some()
        && time
        && REASONS.contains(&reason)
        && !denied.contains(&reason)
        && detail
}

/// Applies the decision that follows from one answer to the gate of `gate_writer`.
fn heard(answer: &Body, gate_writer: &mut GateWriter, now: Instant) {
    let times = Times { asked_at: now, now };
    let decision = match Answer::read(answer.status, answer.text.as_bytes()) {
        Ok(answer) => {
            Evaluator::new(&election())
                .evaluate(&answer, times, gate_writer.gate())
                .0
        }
        Err(unusable) => Evaluator::evaluate_unusable(&unusable),
    };
    match decision {
        Decision::Open { until, term } => {
            gate_writer.open(Until::At(until), term, now);
        }
        Decision::Close(reason) => gate_writer.close(reason, now),
        Decision::Keep => {}
    }
}

fn gate_writer(transitions: &IntCounterVec, now: Instant) -> GateWriter {
    GateWriter::new(Vec::new(), transitions.clone(), now).0
}

#[test]
fn the_gate_opens_for_exactly_those_answers_whose_only_reading_is_a_yes() {
    let counter = transitions();
    let now = Instant::now();
    let (mut n_yes, mut n_not_one, mut n_kept) = (0, 0, 0);
    for answer in Answers::new(1).take(N_ANSWERS as usize) {
        let reading = reading(answer.status, &answer.text);
        let mut fresh = gate_writer(&counter, now);
        heard(&answer, &mut fresh, now);
        let open = fresh.gate().is_open(now);
        assert_eq!(open, reading == Reading::Yes, "{answer:?} is {reading:?}");
        n_yes += u32::from(open);
        n_not_one += u32::from(reading == Reading::NotOne);

        let end = now + Duration::from_millis(1);
        let mut acting = gate_writer(&counter, now);
        acting.open(Until::At(end), 0, now);
        heard(&answer, &mut acting, now);
        if let Gate::Open { until, .. } = acting.gate() {
            let extended = until != Until::At(end);
            assert!(!extended || reading == Reading::Yes, "{answer:?}");
            n_kept += u32::from(!extended);
        }
    }
    // The test proves something only if the generated answers include thousands of each kind.
    assert!(n_yes > N_ANSWERS / 10, "{n_yes} say yes");
    assert!(
        n_not_one > N_ANSWERS / 10,
        "{n_not_one} have not one reading"
    );
    assert!(n_kept > N_ANSWERS / 50, "{n_kept} change nothing");
}

#[test]
fn the_reference_knows_every_state_and_reason_of_the_contract() {
    let yes = r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":7,"valid_for_ms":1,"#;
    let yes = &format!(r#"{yes}"state":"leading","reason":"renewed"}}"#);
    assert_eq!(reading(200, yes), Reading::Yes);
    assert_eq!(reading(503, yes), Reading::NotYes);
    for state in STATES {
        let acts = ["leading", "single-instance"].contains(&state);
        let expected = if acts { Reading::Yes } else { Reading::NotYes };
        assert_eq!(reading(200, &yes.replace("leading", state)), expected);
    }
    let twice = yes.replace('}', r#","is\u005fleader":true}"#);
    assert_eq!(reading(200, &twice), Reading::NotOne);
    let nested = yes.replace('}', r#","x":[{"a":1,"a":1}]}"#);
    assert_eq!(reading(200, &nested), Reading::NotOne);
    assert_eq!(reading(200, &yes[1..]), Reading::NotOne);
}

#[test]
fn a_contradiction_is_the_reason_of_the_closed_gate() {
    let counter = transitions();
    let now = Instant::now();
    for text in [
        r#"{"is_leader":false,"is_leader":true}"#,
        r#"{"is_leader":true,"name":"pod-b"}"#,
    ] {
        let mut acting = gate_writer(&counter, now);
        acting.open(Until::At(now + Duration::from_secs(5)), 0, now);
        let (status, text) = (200, text.to_owned());
        heard(&Body { status, text }, &mut acting, now);
        assert_eq!(acting.gate().permit(now), Err(ClosedReason::Contradiction));
    }
}
