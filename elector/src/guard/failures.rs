//! The failures of requests, and the problem that they amount to.
//!
//! A missing right is a problem at once. Other failures are a problem only when [`STREAK`] requests of the same verb fail in a
//! row, because a single failure may be an accident. A problem ends when a request of that verb succeeds.

use std::collections::BTreeMap;

use shared::leadership::StateReason;

use super::outcome::{RequestFailure, StatusSummary};
use super::request::{Patch, RequestKind};
use crate::lease_status::Problem;

/// The RBAC verb of the requests that acquire, renew and release the Lease.
const PATCH_VERB: &str = RequestKind::Patch(Patch::Acquire).verb();

/// The number of failures in a row that make a problem.
const STREAK: u32 = 2;

/// The failures since the last success, by verb.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// The problems of requests that the API server does not allow, by verb.
    denied: BTreeMap<&'static str, Problem>,
    /// The requests that failed for another reason, by verb.
    failed: BTreeMap<&'static str, FailureStreak>,
    /// The failures of the watch since it last worked.
    watch: FailureStreak,
    /// The problem that an access review reported: a write would be denied, though none has been tried.
    review_denial: Option<Problem>,
}

/// The contention for the Lease: another process may be acting, or none can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contention {
    /// No other process can be acting, so a failed write of this process is a problem.
    Uncontested,
    /// Another process may be acting, so this process writes nothing.
    Contested,
}

/// Consecutive failures of requests of one verb, or of the watch.
#[derive(Debug, Default)]
struct FailureStreak {
    n: u32,
    /// The failure that made the streak a problem, or the last one before that.
    last: RequestFailure,
}

// === impl Failures ===

impl Failures {
    /// Notes that a request of this `kind` succeeded, which ends the problems of its verb.
    pub(crate) fn succeeded(&mut self, kind: RequestKind) {
        self.denied.remove(kind.verb());
        self.failed.remove(kind.verb());
        if kind.verb() == PATCH_VERB {
            self.review_denial = None;
        }
    }

    /// Notes that the Lease was seen: it need not be created, and earlier failures of the watch are forgotten.
    pub(crate) fn lease_seen(&mut self) {
        self.succeeded(RequestKind::Create);
        self.watch = FailureStreak::default();
    }

    /// Notes that the watch works, and forgets its earlier failures.
    pub(crate) fn watch_succeeded(&mut self) {
        self.watch = FailureStreak::default();
    }

    /// Notes that the watch failed for another reason than a missing right.
    pub(crate) fn watch_failed(&mut self, failure: RequestFailure) {
        self.watch.note(failure);
    }

    /// Notes that an access review says a write would be denied; `detail` is for people.
    pub(crate) fn review_denies(&mut self, detail: String) {
        self.review_denial = Some(Problem {
            reason: StateReason::Forbidden,
            cause: PATCH_VERB,
            detail,
        });
    }

    /// Notes that an access review says a write is allowed. The denial of a write itself stays until a write succeeds, because
    /// the API server may apply a new Role to one request earlier than to another.
    pub(crate) fn review_allows(&mut self) {
        self.review_denial = None;
    }

    /// Notes that a request was answered with the error `status`.
    pub(crate) fn refused(&mut self, kind: RequestKind, status: u16, summary: StatusSummary) {
        let message = summary.message;
        let problem = match (kind, status) {
            (RequestKind::Create, 403) => Problem {
                reason: StateReason::LeaseMissing,
                cause: RequestKind::Create.verb(),
                detail: format!("the Lease is not there, and create is not allowed: {message}"),
            },
            (RequestKind::Create, 404) => Problem {
                reason: StateReason::LeaseMissing,
                cause: RequestKind::Create.verb(),
                detail: format!(
                    "the Lease cannot be created, as its namespace is not among the cluster's namespaces: {message}"
                ),
            },
            (_, 403) => {
                let verb = summary.denied_verb.unwrap_or(kind.verb());
                Problem {
                    reason: StateReason::Forbidden,
                    cause: verb,
                    detail: format!("{verb} is not allowed: {message}"),
                }
            }
            (_, 401) => Problem {
                reason: StateReason::Forbidden,
                cause: "credentials",
                detail: format!("the API server does not know this pod: {message}"),
            },
            // A 404 or 409 is no failure: each says something about the Lease, and the guard acts on it.
            (_, 404 | 409) => return,
            _ => {
                let text = format!("{} was answered {status}: {message}", kind.verb());
                let cause = "status";
                return self.failed(kind, RequestFailure { cause, text });
            }
        };
        self.failed.remove(kind.verb());
        self.denied.insert(kind.verb(), problem);
    }

    /// Notes that a request failed without an answer about the Lease.
    pub(crate) fn failed(&mut self, kind: RequestKind, failure: RequestFailure) {
        self.failed.entry(kind.verb()).or_default().note(failure);
    }

    /// Returns the problem that a person has to be told, if there is one. `duplicate` is the problem that another instance of
    /// this process's identity holds the Lease; every other problem comes before `duplicate`.
    pub(crate) fn problem(
        &self,
        contention: Contention,
        duplicate: Option<Problem>,
    ) -> Option<Problem> {
        // A standby writes nothing, so its last failed write says nothing about the present.
        let matters = |verb: &&str| contention == Contention::Uncontested || *verb != PATCH_VERB;
        if let Some((_, problem)) = self.denied.iter().find(|(verb, _)| matters(verb)) {
            return Some(problem.clone());
        }
        // A standby that could not take the Lease is useless, so a denial by review is a problem while another pod leads, too.
        if self.review_denial.is_some() {
            return self.review_denial.clone();
        }
        let mut failed = self.failed.iter().filter(|(verb, _)| matters(verb));
        failed
            .find_map(|(_, streak)| streak.problem())
            .or(duplicate)
    }

    /// Returns the problem while the Lease has never been seen. Until then the failures of the watch count too.
    pub(crate) fn problem_before_first_sight(&self) -> Option<Problem> {
        self.problem(Contention::Uncontested, None)
            .or_else(|| self.watch.problem())
    }
}

// === impl FailureStreak ===

impl FailureStreak {
    fn note(&mut self, failure: RequestFailure) {
        self.n = self.n.saturating_add(1);
        // The text of the problem stays the same during one outage, even if each attempt fails in another way.
        if self.n <= STREAK {
            self.last = failure;
        }
    }

    fn problem(&self) -> Option<Problem> {
        (self.n >= STREAK).then(|| Problem {
            reason: StateReason::ApiUnreachable,
            cause: self.last.cause,
            detail: self.last.text.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: RequestKind = RequestKind::Patch(Patch::Acquire);
    const DENIED: StatusSummary = StatusSummary {
        denied_verb: Some("patch"),
        message: "Forbidden",
    };
    const BUSY: StatusSummary = StatusSummary {
        denied_verb: None,
        message: "ServiceUnavailable",
    };

    fn failure(text: &str) -> RequestFailure {
        RequestFailure {
            cause: "connect",
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_missing_right_is_a_problem_at_once_and_until_that_verb_succeeds() {
        let mut failures = Failures::default();
        failures.refused(WRITE, 403, DENIED);
        failures.succeeded(RequestKind::Read);
        let problem = failures.problem(Contention::Uncontested, None).unwrap();
        assert_eq!(problem.reason, StateReason::Forbidden);
        assert_eq!(problem.detail, "patch is not allowed: Forbidden");
        assert_eq!(problem.cause, "patch");
        failures.succeeded(WRITE);
        assert_eq!(failures.problem(Contention::Uncontested, None), None);
    }

    #[test]
    fn a_lease_that_may_not_be_created_counts_as_missing_until_it_is_seen() {
        let mut failures = Failures::default();
        failures.refused(RequestKind::Create, 403, DENIED);
        assert_eq!(
            failures
                .problem(Contention::Uncontested, None)
                .unwrap()
                .reason,
            StateReason::LeaseMissing
        );
        failures.lease_seen();
        assert_eq!(failures.problem(Contention::Uncontested, None), None);
    }

    #[test]
    fn two_failures_in_a_row_are_a_problem_and_one_is_not() {
        let mut failures = Failures::default();
        for _ in 0..3 {
            failures.refused(RequestKind::Read, 503, BUSY);
            failures.succeeded(RequestKind::Read);
        }
        failures.refused(RequestKind::Read, 503, BUSY);
        assert_eq!(failures.problem(Contention::Uncontested, None), None);
        failures.failed(RequestKind::Read, failure("refused"));
        let problem = failures.problem(Contention::Uncontested, None).unwrap();
        assert_eq!(problem.reason, StateReason::ApiUnreachable);
        assert_eq!(problem.detail, "refused");
    }

    #[test]
    fn failed_writes_are_no_problem_of_a_standby_and_a_read_does_not_end_them() {
        let mut failures = Failures::default();
        for _ in 0..2 {
            failures.failed(WRITE, failure("no answer"));
            failures.succeeded(RequestKind::Read);
        }
        assert!(failures.problem(Contention::Uncontested, None).is_some());
        assert_eq!(failures.problem(Contention::Contested, None), None);
    }

    #[test]
    fn a_denial_by_review_is_a_problem_of_a_standby_too_until_a_review_or_a_write_succeeds() {
        let mut failures = Failures::default();
        failures.review_denies("patch is not allowed".to_owned());
        for contention in [Contention::Uncontested, Contention::Contested] {
            let problem = failures.problem(contention, None).unwrap();
            assert_eq!(problem.reason, StateReason::Forbidden);
        }
        failures.succeeded(RequestKind::Read);
        assert!(failures.problem(Contention::Uncontested, None).is_some());
        failures.succeeded(WRITE);
        assert_eq!(failures.problem(Contention::Contested, None), None);
        failures.review_denies("patch is not allowed".to_owned());
        failures.review_allows();
        assert_eq!(failures.problem(Contention::Uncontested, None), None);
    }

    #[test]
    fn a_failing_watch_is_a_problem_only_while_the_lease_is_unseen() {
        let mut failures = Failures::default();
        failures.watch_failed(failure("refused"));
        failures.watch_failed(failure("refused"));
        assert_eq!(failures.problem(Contention::Uncontested, None), None);
        assert_eq!(
            failures.problem_before_first_sight().unwrap().reason,
            StateReason::ApiUnreachable
        );
    }
}
