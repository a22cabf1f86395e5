//! What keeps this process from taking part.

use std::collections::BTreeMap;

use shared::leadership::Reason;

use super::ask::{Ask, Write};
use crate::standing::Trouble;

/// The verb of every write.
const PATCH: &str = Ask::Write(Write::Acquire).verb();

/// Failures in a row that are no accident any more.
const TOO_MANY: u32 = 2;

/// What has failed and not succeeded since.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// What the API server does not allow, by verb.
    denied: BTreeMap<&'static str, Trouble>,
    /// What it does not answer, by verb.
    failed: BTreeMap<&'static str, Failures>,
    watch: Failures,
    /// That writing will be denied, though it was not tried.
    foretold: Option<Trouble>,
}

/// Whether somebody else has to be believed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rivalry {
    /// Nobody.
    None,
    /// Somebody.
    Some,
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
        self.failed.remove(ask.verb());
        if ask.verb() == PATCH {
            self.foretold = None;
        }
    }

    /// The Lease was seen, so it need not be created.
    pub(crate) fn lease_is_there(&mut self) {
        self.clear(Ask::Create);
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

    /// The API server said that writing would be denied, and why, for people.
    pub(crate) fn foretold(&mut self, detail: String) {
        self.foretold = Some(Trouble {
            reason: Reason::Forbidden,
            detail,
        });
    }

    /// It said that writing is allowed. What a write itself was told stays until one succeeds: a Role may be a moment old.
    pub(crate) fn not_foretold(&mut self) {
        self.foretold = None;
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
            _ => {
                let error = format!("{} was answered {status}: {message}", ask.verb());
                return self.failed(ask, error);
            }
        };
        self.failed.remove(ask.verb());
        self.denied.insert(ask.verb(), trouble);
    }

    /// A request was not answered.
    pub(crate) fn failed(&mut self, ask: Ask, error: String) {
        self.failed.entry(ask.verb()).or_default().note(error);
    }

    /// What a person has to know while there is this `rival`; `twin` where that is another instance of this identity.
    pub(crate) fn present(&self, rival: Rivalry, twin: Option<Trouble>) -> Option<Trouble> {
        // Nothing is written while somebody else has the Lease, so what writing came to says nothing of now.
        let matters = |verb: &&str| rival == Rivalry::None || *verb != PATCH;
        if let Some((_, trouble)) = self.denied.iter().find(|(verb, _)| matters(verb)) {
            return Some(trouble.clone());
        }
        // A standby that could never lead is none, whoever leads.
        if self.foretold.is_some() {
            return self.foretold.clone();
        }
        let mut failed = self.failed.iter().filter(|(verb, _)| matters(verb));
        failed.find_map(|(_, failures)| failures.trouble()).or(twin)
    }

    /// The same where nothing at all is known of the Lease, so that the watch's failures count too.
    pub(crate) fn blind(&self) -> Option<Trouble> {
        self.present(Rivalry::None, None)
            .or_else(|| self.watch.trouble())
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

    fn trouble(&self) -> Option<Trouble> {
        (self.n >= TOO_MANY).then(|| Trouble {
            reason: Reason::ApiUnreachable,
            detail: self.error.clone(),
        })
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

    const WRITE: Ask = Ask::Write(Write::Acquire);
    const DENIED: &str =
        r#"leases.coordination.k8s.io "x" is forbidden: User "u" cannot patch resource "leases""#;

    #[test]
    fn a_missing_right_is_named_at_once_and_stays_until_that_verb_succeeds() {
        let mut troubles = Troubles::default();
        troubles.refused(WRITE, 403, DENIED);
        troubles.clear(Ask::Read);
        let trouble = troubles.present(Rivalry::None, None).unwrap();
        assert_eq!(trouble.reason, Reason::Forbidden);
        assert!(trouble.detail.starts_with("patch is not allowed"));
        troubles.clear(WRITE);
        assert_eq!(troubles.present(Rivalry::None, None), None);
    }

    #[test]
    fn a_lease_that_may_not_be_created_is_missing_until_it_is_seen() {
        let mut troubles = Troubles::default();
        troubles.refused(Ask::Create, 403, DENIED);
        assert_eq!(
            troubles.present(Rivalry::None, None).unwrap().reason,
            Reason::LeaseMissing
        );
        troubles.lease_is_there();
        assert_eq!(troubles.present(Rivalry::None, None), None);
    }

    #[test]
    fn one_failure_is_an_accident_and_two_in_a_row_are_trouble() {
        let mut troubles = Troubles::default();
        for _ in 0..3 {
            troubles.refused(Ask::Read, 503, "busy");
            troubles.clear(Ask::Read);
        }
        troubles.refused(Ask::Read, 503, "busy");
        assert_eq!(troubles.present(Rivalry::None, None), None);
        troubles.failed(Ask::Read, "refused".to_owned());
        let trouble = troubles.present(Rivalry::None, None).unwrap();
        assert_eq!(trouble.reason, Reason::ApiUnreachable);
        assert_eq!(trouble.detail, "refused");
    }

    #[test]
    fn writing_is_no_trouble_to_a_standby_and_reading_does_not_mend_it() {
        let mut troubles = Troubles::default();
        for _ in 0..2 {
            troubles.failed(WRITE, "no answer".to_owned());
            troubles.clear(Ask::Read);
        }
        assert!(troubles.present(Rivalry::None, None).is_some());
        assert_eq!(troubles.present(Rivalry::Some, None), None);
    }

    #[test]
    fn a_denial_that_is_foretold_is_trouble_to_a_standby_too_until_it_is_taken_back_or_a_write_succeeds()
     {
        let mut troubles = Troubles::default();
        troubles.foretold("patch is not allowed".to_owned());
        for rivalry in [Rivalry::None, Rivalry::Some] {
            let trouble = troubles.present(rivalry, None).unwrap();
            assert_eq!(trouble.reason, Reason::Forbidden);
        }
        troubles.clear(Ask::Read);
        assert!(troubles.present(Rivalry::None, None).is_some());
        troubles.clear(WRITE);
        assert_eq!(troubles.present(Rivalry::Some, None), None);
        troubles.foretold("patch is not allowed".to_owned());
        troubles.not_foretold();
        assert_eq!(troubles.present(Rivalry::None, None), None);
    }

    #[test]
    fn a_failing_watch_is_trouble_only_while_nothing_is_known() {
        let mut troubles = Troubles::default();
        troubles.watch_failed("refused".to_owned());
        troubles.watch_failed("refused".to_owned());
        assert_eq!(troubles.present(Rivalry::None, None), None);
        assert_eq!(troubles.blind().unwrap().reason, Reason::ApiUnreachable);
    }
}
