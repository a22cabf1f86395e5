//! Query strings of `GET /leader`, as the elector's HTTP server answers them.
//!
//! A case is a query string. The property: the answer is a report, or a refusal that says how to ask, on one line; and a query is
//! accepted exactly if it has each field of the contract once, in the form of the contract.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, Uri};
use elector::http::{AppState, LeadershipSource, router};
use elector::single_instance::SingleInstance;
use elector::telemetry::Telemetry;
use shared::leadership::{LeaderReport, StateReason};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// The longest query, which is less than the server reads.
const MAX_QUERY: usize = 8192;

/// The longest answer that the collector reads, in bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// An elector without an election, and the runtime in which it is asked.
struct Elector {
    runtime: Runtime,
    router: axum::Router,
}

thread_local! {
    static ELECTOR: Elector = Elector::new();
}

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(&bytes[..bytes.len().min(MAX_QUERY)]) else {
        return;
    };
    let Ok(uri) = format!("/leader?{query}").parse::<Uri>() else {
        return;
    };
    let query = uri.query().unwrap_or_default().to_owned();
    let (status, body) = ELECTOR.with(|elector| elector.ask(uri));
    if status == StatusCode::OK {
        let report: LeaderReport = serde_json::from_slice(&body).expect("a report");
        assert_eq!(report.identity, "pod-a");
        return assert!(query.is_empty() || is_of_contract(&query), "{query}");
    }
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(!is_of_contract(&query), "{query}");
    let text = std::str::from_utf8(&body).expect("a text");
    assert!(text.contains("write consumer=NAME"), "{text}");
}

/// Returns true if the query has each field of the contract once, in the form of the contract, and no other.
fn is_of_contract(query: &str) -> bool {
    let mut has = [false; 6];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let is_number = value.parse::<u64>().is_ok();
        let (i, is_good) = match name.as_str() {
            "consumer" => (0, true),
            "instance" => (1, true),
            "seq" => (2, is_number),
            "healthy" => (3, value == "true" || value == "false"),
            "gate" => (4, value == "open" || value == "closed"),
            "wait_ms" => (5, is_number),
            _ => return false,
        };
        if has[i] || !is_good {
            return false;
        }
        has[i] = true;
    }
    has[..5].iter().all(|has| *has)
}

/// Decodes one part of a form, as the URL standard has it.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let (byte, n_bytes) = match escaped {
            Some((high, low)) => (high << 4 | low, 3),
            None if *first == b'+' => (b' ', 1),
            None => (*first, 1),
        };
        bytes.push(byte);
        rest = &rest[n_bytes..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

// === impl Elector ===

impl Elector {
    fn new() -> Self {
        let telemetry = Telemetry::new().expect("the families are registered once");
        let single = SingleInstance {
            identity: "pod-a".to_owned(),
            max_valid: Duration::from_secs(5),
            reason: StateReason::Disabled,
            max_wait: Duration::ZERO,
            answers: telemetry.answers(),
            shutdown: CancellationToken::new(),
        };
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            runtime: runtime.enable_time().build().expect("a runtime"),
            router: router(AppState {
                source: LeadershipSource::SingleInstance(single),
                telemetry: Arc::new(telemetry),
            }),
        }
    }

    fn ask(&self, uri: Uri) -> (StatusCode, axum::body::Bytes) {
        let request = Request::get(uri).body(Body::empty()).expect("a request");
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await;
            let (head, body) = answer.expect("the router answers").into_parts();
            let body = to_bytes(body, MAX_ANSWER).await.expect("a short answer");
            (head.status, body)
        })
    }
}
