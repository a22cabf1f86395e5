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

/// Why a request came to nothing, in words of this program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A word of a closed set.
    pub(crate) cause: &'static str,
    /// A sentence for people.
    pub(crate) text: String,
}

/// What is passed on of an answer with an error: words of closed sets, and none of the peer's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The verb that the API server denies.
    pub(crate) verb: Option<&'static str>,
    /// The reason it gives.
    pub(crate) words: &'static str,
}

#[derive(Debug, Default)]
struct Failures {
    n: u32,
    /// The one with which it became too many.
    last: Failure,
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
    pub(crate) fn watch_failed(&mut self, failure: Failure) {
        self.watch.note(failure);
    }

    /// The API server said that writing would be denied, and why, for people.
    pub(crate) fn foretold(&mut self, detail: String) {
        self.foretold = Some(Trouble {
            reason: Reason::Forbidden,
            cause: PATCH,
            detail,
        });
    }

    /// It said that writing is allowed. What a write itself was told stays until one succeeds: a Role may be a moment old.
    pub(crate) fn not_foretold(&mut self) {
        self.foretold = None;
    }

    /// A request was answered with an error `status`.
    pub(crate) fn refused(&mut self, ask: Ask, status: u16, said: Said) {
        let words = said.words;
        let trouble = match (ask, status) {
            (Ask::Create, 403) => Trouble {
                reason: Reason::LeaseMissing,
                cause: Ask::Create.verb(),
                detail: format!("the Lease is not there, and create is not allowed: {words}"),
            },
            (Ask::Create, 404) => Trouble {
                reason: Reason::LeaseMissing,
                cause: Ask::Create.verb(),
                detail: format!(
                    "the Lease cannot be created, as its namespace is not among the cluster's namespaces: {words}"
                ),
            },
            (_, 403) => {
                let verb = said.verb.unwrap_or(ask.verb());
                Trouble {
                    reason: Reason::Forbidden,
                    cause: verb,
                    detail: format!("{verb} is not allowed: {words}"),
                }
            }
            (_, 401) => Trouble {
                reason: Reason::Forbidden,
                cause: "credentials",
                detail: format!("the API server does not know this pod: {words}"),
            },
            // Both are answers about the Lease, and acted on.
            (_, 404 | 409) => return,
            _ => {
                let text = format!("{} was answered {status}: {words}", ask.verb());
                let cause = "status";
                return self.failed(ask, Failure { cause, text });
            }
        };
        self.failed.remove(ask.verb());
        self.denied.insert(ask.verb(), trouble);
    }

    /// A request was not answered.
    pub(crate) fn failed(&mut self, ask: Ask, failure: Failure) {
        self.failed.entry(ask.verb()).or_default().note(failure);
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
    fn note(&mut self, failure: Failure) {
        self.n = self.n.saturating_add(1);
        // One outage has one text, though every try may fail in its own way.
        if self.n <= TOO_MANY {
            self.last = failure;
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        (self.n >= TOO_MANY).then(|| Trouble {
            reason: Reason::ApiUnreachable,
            cause: self.last.cause,
            detail: self.last.text.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Ask = Ask::Write(Write::Acquire);
    const DENIED: Said = Said {
        verb: Some("patch"),
        words: "Forbidden",
    };
    const BUSY: Said = Said {
        verb: None,
        words: "ServiceUnavailable",
    };

    fn failure(text: &str) -> Failure {
        Failure {
            cause: "connect",
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_missing_right_is_named_at_once_and_stays_until_that_verb_succeeds() {
        let mut troubles = Troubles::default();
        troubles.refused(WRITE, 403, DENIED);
        troubles.clear(Ask::Read);
        let trouble = troubles.present(Rivalry::None, None).unwrap();
        assert_eq!(trouble.reason, Reason::Forbidden);
        assert_eq!(trouble.detail, "patch is not allowed: Forbidden");
        assert_eq!(trouble.cause, "patch");
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
            troubles.refused(Ask::Read, 503, BUSY);
            troubles.clear(Ask::Read);
        }
        troubles.refused(Ask::Read, 503, BUSY);
        assert_eq!(troubles.present(Rivalry::None, None), None);
        troubles.failed(Ask::Read, failure("refused"));
        let trouble = troubles.present(Rivalry::None, None).unwrap();
        assert_eq!(trouble.reason, Reason::ApiUnreachable);
        assert_eq!(trouble.detail, "refused");
    }

    #[test]
    fn writing_is_no_trouble_to_a_standby_and_reading_does_not_mend_it() {
        let mut troubles = Troubles::default();
        for _ in 0..2 {
            troubles.failed(WRITE, failure("no answer"));
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
        troubles.watch_failed(failure("refused"));
        troubles.watch_failed(failure("refused"));
        assert_eq!(troubles.present(Rivalry::None, None), None);
        assert_eq!(troubles.blind().unwrap().reason, Reason::ApiUnreachable);
    }
}
