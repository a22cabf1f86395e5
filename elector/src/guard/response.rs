//! The guard's handling of the answers to its requests.

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::claim;
use super::clocks::Clocks;
use super::control::RecordHeld;
use super::observation::{Change, ObservedLease, SeenLease};
use super::outcome::{Outcome, RequestFailure, StatusSummary};
use super::record::Record;
use super::request::{Patch, RequestKind};
use super::rewrite::rewrite;
use super::{Guard, SentRequest};

// === impl Guard ===

impl Guard {
    /// Takes the outcome of `sent`, and returns the outcome that kube-lease-manager is to be shown.
    pub fn answered(&mut self, sent: &SentRequest, outcome: Outcome, at: Clocks) -> Outcome {
        self.expire_claim(at.monotonic);
        self.in_flight = None;
        let before = self.observation.lease();
        let shown = match outcome {
            Outcome::Lease(lease) => self.accept(sent, lease, at),
            Outcome::Status { code, summary } => {
                self.status_error(sent, code, summary, at.monotonic)
            }
            Outcome::TimedOut => {
                self.request_timeout.timed_out();
                self.outcome_unknown(sent);
                let within = at
                    .monotonic
                    .duration_since(sent.time.at.monotonic)
                    .as_millis();
                let text = format!("no answer to {} within {within} ms", sent.kind.verb());
                let cause = "timeout";
                self.failures
                    .failed(sent.kind, RequestFailure { cause, text });
                Outcome::TimedOut
            }
            Outcome::Failed(failure) => {
                self.outcome_unknown(sent);
                self.failures.failed(sent.kind, failure.clone());
                Outcome::Failed(failure)
            }
        };
        self.step_down(&before);
        self.expire_claim(at.monotonic);
        self.could_be_taken = self.may_be_taken(at.monotonic);
        shown
    }

    fn accept(&mut self, sent: &SentRequest, lease: Box<Lease>, at: Clocks) -> Outcome {
        let Some(record) = Record::read(&lease) else {
            self.outcome_unknown(sent);
            let message = "the Lease has no resourceVersion that is a number";
            let failure = RequestFailure {
                cause: "answer",
                text: message.to_owned(),
            };
            self.failures.failed(sent.kind, failure);
            let summary = StatusSummary {
                denied_verb: None,
                message,
            };
            return Outcome::Status { code: 500, summary };
        };
        let sent_at = sent.time.at.monotonic;
        self.request_timeout
            .answered(at.monotonic.duration_since(sent_at));
        self.failures.succeeded(sent.kind);
        self.failures.lease_seen();
        let version = record.version;
        let seen = SeenLease::Present(record);
        let change = self.observation.answer(seen, sent_at, at.monotonic);
        // kube-lease-manager reads the Lease again after a POST, so the answer to a POST is no base for a write.
        if sent.kind != RequestKind::Create {
            self.shown_version = Some(version);
            self.cached = Some((at.monotonic, lease.clone()));
        }
        if let RequestKind::Patch(patch) = sent.kind
            && change != Change::Stale
            && patch.makes_claim()
        {
            self.claim_by_write(patch, sent, version);
        }
        Outcome::Lease(self.rewritten(lease, at))
    }

    /// Returns `lease` as kube-lease-manager is to see it.
    pub(super) fn rewritten(&self, lease: Box<Lease>, at: Clocks) -> Box<Lease> {
        let mut lease = lease;
        let shown = self.shown_lease(at.monotonic);
        rewrite(&mut lease, &shown, &self.candidate, at.wall);
        lease
    }

    /// Begins or extends the claim after an own write that succeeded. No other function begins or extends a claim.
    fn claim_by_write(&mut self, patch: Patch, sent: &SentRequest, version: u64) {
        let ours = self.observation.lease() == ObservedLease::Ours;
        // A write that changed nothing made no new version, so rivals cannot have seen it.
        let changed = sent.version != Some(version);
        if !ours || !changed || self.record_held == RecordHeld::Releasing {
            return;
        }
        let term = match (patch, self.claim) {
            (Patch::Renew, Some(claim)) => claim.term,
            _ => version,
        };
        self.claim = claim::of_write(sent.time, self.candidate.lease_duration, term);
        self.retake_until = None;
        self.record_held = RecordHeld::Ours;
    }

    fn status_error(
        &mut self,
        sent: &SentRequest,
        code: u16,
        summary: StatusSummary,
        now: Instant,
    ) -> Outcome {
        self.failures.refused(sent.kind, code, summary);
        match (sent.kind, code) {
            (RequestKind::Read | RequestKind::Patch(_), 404) => {
                self.shown_version = None;
                let absent = SeenLease::Absent(None);
                self.observation.answer(absent, sent.time.at.monotonic, now);
            }
            (RequestKind::Patch(_), 409) => {
                self.restart_manager();
                let code = sent.kind.conflict_code();
                return Outcome::Status { code, summary };
            }
            (_, 500..) => self.outcome_unknown(sent),
            _ => {}
        }
        Outcome::Status { code, summary }
    }

    /// Notes that `sent` may or may not have taken effect. After a write, the Lease has to be read before the next write.
    fn outcome_unknown(&mut self, sent: &SentRequest) {
        if matches!(sent.kind, RequestKind::Patch(_)) {
            self.shown_version = None;
        }
    }
}
