//! What keeps this process from taking part.

use std::collections::BTreeMap;

use shared::leadership::Reason;

use super::ask::Ask;
use crate::standing::Trouble;

/// Failures in a row that are no accident any more.
const TOO_MANY: u32 = 2;

/// What has failed and not succeeded since.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// What the API server does not allow, by verb.
    denied: BTreeMap<&'static str, Trouble>,
    requests: Failures,
    watch: Failures,
}

#[derive(Debug, Default)]
struct Failures {
    n: u32,
    /// What was said when it became too many.
    error: String,
}

// === impl Troubles ===

impl Troubles {
    /// A request succeeded.
    pub(crate) fn clear(&mut self, ask: Ask) {
        self.denied.remove(ask.verb());
        self.requests = Failures::default();
    }

    /// The Lease was seen, so it need not be created.
    pub(crate) fn lease_is_there(&mut self) {
        self.denied.remove(Ask::Create.verb());
        self.watch = Failures::default();
    }

    /// The watch works.
    pub(crate) fn watch_works(&mut self) {
        self.watch = Failures::default();
    }

    /// The watch failed, not for want of rights.
    pub(crate) fn watch_failed(&mut self, error: String) {
        self.watch.note(error);
    }

    /// A request was answered with an error `status`.
    pub(crate) fn refused(&mut self, ask: Ask, status: u16, message: &str) {
        let trouble = match (ask, status) {
            (Ask::Create, 403) => Trouble {
                reason: Reason::LeaseMissing,
                detail: format!("the Lease is not there, and create is not allowed: {message}"),
            },
            (Ask::Create, 404) => Trouble {
                reason: Reason::LeaseMissing,
                detail: format!("the Lease is not there and cannot be created: {message}"),
            },
            (_, 403) => {
                let verb = verb(message).unwrap_or(ask.verb());
                Trouble {
                    reason: Reason::Forbidden,
                    detail: format!("{verb} is not allowed: {message}"),
                }
            }
            (_, 401) => Trouble {
                reason: Reason::Forbidden,
                detail: format!("the API server does not know this pod: {message}"),
            },
            // Both are answers about the Lease, and acted on.
            (_, 404 | 409) => return,
            _ => return self.failed(format!("{} was answered {status}: {message}", ask.verb())),
        };
        self.requests = Failures::default();
        self.denied.insert(ask.verb(), trouble);
    }

    /// A request was not answered.
    pub(crate) fn failed(&mut self, error: String) {
        self.requests.note(error);
    }

    /// What a person has to know; `twin` where another instance of this identity has to be believed in.
    pub(crate) fn present(&self, twin: Option<Trouble>) -> Option<Trouble> {
        if let Some(trouble) = self.denied.values().next() {
            return Some(trouble.clone());
        }
        let unreachable = |failures: &Failures| Trouble {
            reason: Reason::ApiUnreachable,
            detail: failures.error.clone(),
        };
        if self.requests.n >= TOO_MANY {
            return Some(unreachable(&self.requests));
        }
        twin
    }

    /// The same where nothing at all is known of the Lease, so that the watch's failures count too.
    pub(crate) fn blind(&self) -> Option<Trouble> {
        self.present(None).or_else(|| {
            (self.watch.n >= TOO_MANY).then(|| Trouble {
                reason: Reason::ApiUnreachable,
                detail: self.watch.error.clone(),
            })
        })
    }
}

// === impl Failures ===

impl Failures {
    fn note(&mut self, error: String) {
        self.n = self.n.saturating_add(1);
        // One outage has one text, though every try may fail in its own way.
        if self.n <= TOO_MANY {
            self.error = error;
        }
    }
}

/// The verb that the API server names: to apply to an absent object takes `create`, not `patch`.
fn verb(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" cannot ")?;
    rest.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::ask::Write;

    const PATCH: Ask = Ask::Write(Write::Acquire);
    const DENIED: &str =
        r#"leases.coordination.k8s.io "x" is forbidden: User "u" cannot patch resource "leases""#;

    #[test]
    fn a_missing_right_is_named_at_once_and_stays_until_that_verb_succeeds() {
        let mut troubles = Troubles::default();
        troubles.refused(PATCH, 403, DENIED);
        troubles.clear(Ask::Read);
        let trouble = troubles.present(None).unwrap();
        assert_eq!(trouble.reason, Reason::Forbidden);
        assert!(trouble.detail.starts_with("patch is not allowed"));
        troubles.clear(PATCH);
        assert_eq!(troubles.present(None), None);
    }

    #[test]
    fn a_lease_that_may_not_be_created_is_missing_until_it_is_seen() {
        let mut troubles = Troubles::default();
        troubles.refused(Ask::Create, 403, DENIED);
        assert_eq!(troubles.present(None).unwrap().reason, Reason::LeaseMissing);
        troubles.lease_is_there();
        assert_eq!(troubles.present(None), None);
    }

    #[test]
    fn one_failure_is_an_accident_and_two_in_a_row_are_trouble() {
        let mut troubles = Troubles::default();
        for _ in 0..3 {
            troubles.refused(Ask::Read, 503, "busy");
            troubles.clear(Ask::Read);
        }
        troubles.refused(Ask::Read, 503, "busy");
        assert_eq!(troubles.present(None), None);
        troubles.failed("refused".to_owned());
        let trouble = troubles.present(None).unwrap();
        assert_eq!(trouble.reason, Reason::ApiUnreachable);
        assert_eq!(trouble.detail, "refused");
    }

    #[test]
    fn a_failing_watch_is_trouble_only_while_nothing_is_known() {
        let mut troubles = Troubles::default();
        troubles.watch_failed("refused".to_owned());
        troubles.watch_failed("refused".to_owned());
        assert_eq!(troubles.present(None), None);
        assert_eq!(troubles.blind().unwrap().reason, Reason::ApiUnreachable);
    }
}
