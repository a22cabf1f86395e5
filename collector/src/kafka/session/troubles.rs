//! What a session's connections have told since the metadata was last read.

use std::collections::BTreeSet;

use tokio::sync::watch;

use crate::kafka::code::Code;
use crate::snapshot::Reason;

/// Connections that failed.
#[derive(Debug)]
pub(super) struct Troubles {
    /// What the log was told: one trouble is one line, however often librdkafka repeats it.
    logged: BTreeSet<(Code, Reason)>,
    /// Why connections fail, where that says more than that they do.
    certain: Option<Reason>,
    /// Why the last connection failed.
    last: Option<Reason>,
    /// librdkafka's words for it.
    text: watch::Sender<Option<String>>,
}

/// Whether the log has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Known,
    New,
}

// === impl Troubles ===

impl Troubles {
    pub(super) fn none() -> Self {
        Self {
            logged: BTreeSet::new(),
            certain: None,
            last: None,
            text: watch::Sender::new(None),
        }
    }

    /// Takes in a failure, for this `reason`.
    pub(super) fn hear(&mut self, code: Code, reason: Reason, text: String) -> News {
        // Only sums up what was told of each connection.
        if code != Code::ALL_BROKERS_DOWN {
            let certain = matches!(
                reason,
                Reason::Authentication | Reason::Tls | Reason::Resolve
            );
            if certain {
                self.certain = Some(reason);
            }
            self.last = Some(reason);
            if certain || self.certain.is_none() {
                self.text.send_replace(Some(text));
            }
        }
        if self.logged.insert((code, reason)) {
            News::New
        } else {
            News::Known
        }
    }

    /// All is well.
    pub(super) fn clear(&mut self) {
        self.logged.clear();
        (self.certain, self.last) = (None, None);
        self.text.send_replace(None);
    }

    /// Why connections fail, where that says more than that they do.
    pub(super) const fn certain(&self) -> Option<Reason> {
        self.certain
    }

    /// Why there is no metadata, which librdkafka says by `code`. For it a broker that is connected to and says nothing is
    /// as good as none; but of a connection that fails, it tells.
    pub(super) fn behind(&self, code: Code) -> Reason {
        match code.reason() {
            reason @ (Reason::Timeout | Reason::Transport) => {
                let told = match reason {
                    Reason::Transport => self.last.unwrap_or(Reason::Timeout),
                    reason => reason,
                };
                self.certain.unwrap_or(told)
            }
            reason => reason,
        }
    }

    /// librdkafka's words for the last trouble, for others to see.
    pub(super) fn text(&self) -> watch::Receiver<Option<String>> {
        self.text.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "kafka:9092: Connect failed: Connection refused";
    const NO_METADATA: Code = Code(-195);

    fn hear(troubles: &mut Troubles, code: i32, text: &str) -> News {
        let code = Code(code);
        troubles.hear(code, code.explained(text), text.to_owned())
    }

    #[test]
    fn troubles_that_alternate_are_news_once_each_until_all_is_well() {
        let mut troubles = Troubles::none();
        let told = [(-195, REFUSED), (-187, "1/1 brokers are down")];
        for news in [News::New, News::Known, News::Known] {
            for (code, text) in told {
                assert_eq!(hear(&mut troubles, code, text), news);
            }
        }
        troubles.clear();
        assert_eq!(hear(&mut troubles, -195, REFUSED), News::New);
        assert_eq!(hear(&mut troubles, -195, "SSL handshake failed"), News::New);
    }

    #[test]
    fn a_summary_is_no_cause() {
        let mut troubles = Troubles::none();
        hear(&mut troubles, -195, REFUSED);
        hear(&mut troubles, -187, "1/1 brokers are down");
        assert_eq!(troubles.text().borrow().as_deref(), Some(REFUSED));
    }

    #[test]
    fn what_is_certain_explains_what_is_not() {
        let mut troubles = Troubles::none();
        hear(&mut troubles, -193, "Failed to resolve 'kafka:9092'");
        hear(&mut troubles, -195, REFUSED);
        assert_eq!(troubles.behind(NO_METADATA), Reason::Resolve);
        assert_eq!(troubles.behind(Code(29)), Reason::Authorization);
        let text = troubles.text();
        assert_eq!(
            text.borrow().as_deref(),
            Some("Failed to resolve 'kafka:9092'")
        );
    }

    #[test]
    fn without_any_trouble_told_of_a_broker_is_silent() {
        let mut troubles = Troubles::none();
        assert_eq!(troubles.behind(NO_METADATA), Reason::Timeout);
        hear(
            &mut troubles,
            -195,
            "Connection setup timed out in state APIVERSION_QUERY",
        );
        assert_eq!(troubles.behind(NO_METADATA), Reason::Timeout);
        hear(&mut troubles, -195, REFUSED);
        assert_eq!(troubles.behind(NO_METADATA), Reason::Transport);
    }
}
