//! Answers and watch events of an API server, as the elector's guard takes them.
//!
//! A case is a sequence of steps, separated by NUL. The first byte of each is what happens, the second the time that passes before; the
//! others are the body of the answer or event. The property: a claim begins or moves only by a success of an own write, and never ends
//! later than the lease duration, less the margin, after that write was sent; the Lease is not taken from a holder that was seen within
//! the lease duration; and what is shown of an answer is short and on one line.

use std::time::Duration;

use elector::guard::claim::MARGIN;
use elector::guard::clocks::Clocks;
use elector::guard::observation::{Continuity, SeenLease};
use elector::guard::outcome::Outcome;
use elector::guard::record::{Candidate, Content, Record};
use elector::guard::request::{Patch, RequestKind};
use elector::guard::{Guard, SentRequest};
use elector::lease::outcome_of;
use elector::lease_status::{Claim, Holding};
use http::{Method, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::case::{Case, assert_one_line, within};

const LEASE_DURATION: Duration = Duration::from_secs(15);

/// The longest words about a problem, in characters: some of this program's own, around one text of at most 256 characters.
const MAX_DETAIL: usize = 600;

/// The guard, the time, and what is known of the Lease by the plainest means.
struct Pod {
    guard: Guard,
    began: Instant,
    elapsed: Duration,
    /// The last content with another holder that an answer has shown, and the time of the first answer that showed it.
    rival: Option<(Content, Instant)>,
    /// What is known of the present: whether nothing has been seen since `rival`.
    present: Present,
}

/// What is known of the present state of the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Present {
    /// The last that was seen is the content with another holder.
    Rival,
    /// An event, or another answer, came later.
    Unknown,
}

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let candidate = Candidate {
        identity: "pod-a".to_owned(),
        instance: "uid-a".to_owned(),
        lease_duration: LEASE_DURATION,
        grace_period: Duration::from_secs(5),
    };
    let mut pod = Pod {
        guard: Guard::new(candidate),
        began: Instant::now() + Duration::from_secs(3600),
        elapsed: Duration::ZERO,
        rival: None,
        present: Present::Unknown,
    };
    for step in bytes.split(|byte| *byte == 0).take(32) {
        pod.step(Case::new(step));
    }
}

// === impl Pod ===

impl Pod {
    fn step(&mut self, mut case: Case<'_>) {
        let what = case.byte();
        self.pass(case.byte());
        let body = case.rest();
        match what {
            b'g' => self.request(&Method::GET, &Value::Null, body),
            b'c' => self.request(&Method::POST, &json!({}), body),
            b'a' => self.request(&Method::PATCH, &self.write(&json!("pod-a")), body),
            b'r' => self.request(&Method::PATCH, &self.renewal(), body),
            b't' => self.request(
                &Method::PATCH,
                &json!({"spec": {"leaseTransitions": 1}}),
                body,
            ),
            b'x' => {
                self.guard.begin_release();
                self.request(&Method::PATCH, &self.write(&Value::Null), body);
                self.guard.end_release();
            }
            b'd' => self.event(None, Continuity::Unknown),
            b'D' | b'e' | b'E' => {
                let lease = serde_json::from_slice::<Lease>(body).ok();
                let continuity = match what {
                    b'e' => Continuity::Unknown,
                    _ => Continuity::Unbroken,
                };
                match lease {
                    Some(lease) if what == b'D' => {
                        let version = Record::read(&lease).map(|record| record.version);
                        self.observe(SeenLease::Absent(version), continuity);
                    }
                    lease => self.event(lease.as_ref(), continuity),
                }
            }
            _ => {}
        }
        self.check_status();
    }

    fn write(&self, holder: &Value) -> Value {
        let time = self.clocks().wall.to_string();
        json!({"spec": {"holderIdentity": holder, "acquireTime": time, "renewTime": time}})
    }

    fn renewal(&self) -> Value {
        json!({"spec": {"renewTime": self.clocks().wall.to_string()}})
    }

    fn pass(&mut self, time: u8) {
        // No two steps are at the same instant, so that every answer is newer than the event before its request.
        self.elapsed += Duration::from_millis(1) + Duration::from_millis(100) * u32::from(time);
        let before = self.claim();
        self.guard.advance(self.clocks().monotonic);
        assert_not_extended(before, self.claim());
    }

    fn clocks(&self) -> Clocks {
        let wall = Timestamp::UNIX_EPOCH + 100_000.hours();
        Clocks {
            monotonic: self.began + self.elapsed,
            wall: wall + self.elapsed,
        }
    }

    fn claim(&self) -> Option<Claim> {
        match self.guard.lease_status(self.clocks().monotonic).holding {
            Holding::Held(claim) => Some(claim),
            Holding::Nothing | Holding::Releasing => None,
        }
    }

    fn event(&mut self, lease: Option<&Lease>, continuity: Continuity) {
        match lease {
            None => self.observe(SeenLease::Absent(None), continuity),
            Some(lease) => {
                if let Some(record) = Record::read(lease) {
                    self.observe(SeenLease::Present(record), continuity);
                }
            }
        }
    }

    fn observe(&mut self, seen: SeenLease, continuity: Continuity) {
        let before = self.claim();
        let now = self.clocks().monotonic;
        self.present = Present::Unknown;
        self.guard.observe(seen, continuity, now);
        assert_not_extended(before, self.claim());
    }

    /// Sends a request, and has it answered with `body` behind a first byte for the status and one for the time until then.
    fn request(&mut self, method: &Method, request: &Value, body: &[u8]) {
        let mut case = Case::new(body);
        let status = match case.byte() {
            b'2' => 200,
            b'n' => 404,
            b'k' => 409,
            other => 400 + u16::from(other),
        };
        let travelled = case.byte();
        let mut request = request.clone();
        let kind = RequestKind::of(method, &request);
        let at = self.clocks();
        let before = self.claim();
        let Ok(sent) = self.guard.admit(kind, &mut request, at) else {
            return assert_not_extended(before, self.claim());
        };
        self.check_admitted(kind);
        self.elapsed += Duration::from_millis(50) * u32::from(travelled);
        let body = case.rest();
        let status = StatusCode::from_u16(status).expect("a status of three digits");
        let outcome = within(256 * body.len() + 8192, || outcome_of(status, body));
        self.answered(&sent, outcome);
    }

    fn answered(&mut self, sent: &SentRequest, outcome: Outcome) {
        let before = self.claim();
        let is_write = matches!(
            &sent.kind,
            RequestKind::Patch(Patch::Acquire | Patch::Renew)
        );
        let is_success = matches!(&outcome, Outcome::Lease(_));
        if let Outcome::Failed(failure) = &outcome {
            assert_one_line(&failure.text, MAX_DETAIL);
        }
        self.note_holder(&outcome);
        let shown = self.guard.answered(sent, outcome, self.clocks());
        if let Outcome::Lease(lease) = shown {
            serde_json::to_vec(&lease).expect("it is JSON");
        }
        let after = self.claim();
        if !(is_write && is_success) {
            assert_not_extended(before, after);
        }
        if let Some(claim) = after {
            let sent_at = sent.time.at.monotonic;
            let latest = before.map_or(sent_at, |claim| claim.counted_from.max(sent_at));
            assert!(claim.until <= latest + LEASE_DURATION.saturating_sub(MARGIN));
        }
    }

    /// Notes another holder of the Lease in an answer.
    fn note_holder(&mut self, outcome: &Outcome) {
        let record = match outcome {
            Outcome::Lease(lease) => Record::read(lease),
            Outcome::Status { .. } | Outcome::TimedOut | Outcome::Failed(_) => None,
        };
        let is_rival = |content: &Content| content.holder.as_ref().is_some_and(|it| it != "pod-a");
        let content = record.map(|record| record.content).filter(is_rival);
        let now = self.clocks().monotonic;
        self.present = Present::Unknown;
        if let Some(content) = content {
            let since = match &self.rival {
                Some((known, since)) if *known == content => *since,
                _ => now,
            };
            self.rival = Some((content, since));
            self.present = Present::Rival;
        }
    }

    fn check_admitted(&self, kind: RequestKind) {
        if kind != RequestKind::Patch(Patch::Acquire) || self.present != Present::Rival {
            return;
        }
        if let Some((content, since)) = &self.rival {
            let seen_for = self.clocks().monotonic.duration_since(*since);
            assert!(seen_for >= LEASE_DURATION, "{seen_for:?} {content:?}");
        }
    }

    fn check_status(&self) {
        let now = self.clocks().monotonic;
        let status = self.guard.lease_status(now);
        if let Some(problem) = status.problem {
            assert_one_line(&problem.detail, MAX_DETAIL);
        }
        if let Some(deadline) = self.guard.next_deadline(now) {
            assert!(deadline > now);
        }
    }
}

fn assert_not_extended(before: Option<Claim>, after: Option<Claim>) {
    if let Some(after) = after {
        let before = before.expect("a claim does not begin so");
        assert_eq!(after, before);
    }
}
