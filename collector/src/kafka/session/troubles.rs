//! What a session's connections have told since the metadata was last read.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use crate::kafka::Trouble;
use crate::kafka::cause::Cause;
use crate::kafka::code::Code;
use crate::snapshot::{Failure, Reason};

/// Brokers whose troubles are kept, so that a cluster of many is not a page of the same.
const KEPT: usize = 8;

/// librdkafka's name of a connection to a broker that has another one under its own name, which tells the same.
const COORDINATOR: &str = "GroupCoordinator";

/// Connections that failed.
#[derive(Debug)]
pub(super) struct Troubles {
    /// What the log was told: one trouble is one line, however often librdkafka repeats it.
    logged: BTreeSet<(Code, Reason, Option<Cause>)>,
    /// Why connections fail, where that says more than that they do.
    certain: Option<Reason>,
    /// Why the last connection failed.
    last: Option<Reason>,
    /// The last trouble of each connection, by librdkafka's name for it.
    by_name: BTreeMap<String, (Option<Cause>, String)>,
    /// Whether all connections have worked: that a broker hangs up then is most likely its end, and no mistake of anybody's.
    success: Success,
    told: watch::Sender<Vec<Trouble>>,
}

/// Whether every connection of a collection has worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Success {
    NotYet,
    Once,
}

/// Whether the log has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Known,
    /// With the likely cause, if there is one.
    New(Option<String>),
}

/// What a line of librdkafka's log tells of a connection that is not also told as an error: that it was closed (levels 4 to 6 as
/// of syslog), and why a certificate was refused.
pub(super) fn told_in_log(level: i32, facility: &str, text: &str) -> Option<(Code, String)> {
    let code = match facility {
        "FAIL" if (4..=6).contains(&level) => Code::TRANSPORT,
        "SSLCERTVRFY" => Code::SSL,
        _ => return None,
    };
    // "[thrd:NAME]: " stands before it.
    let text = text.split_once("]: ").map_or(text, |(_, text)| text);
    Cause::of(text).map(|_| (code, text.to_owned()))
}

/// The node id in librdkafka's name of a connection, which ends in `/ID` or `/bootstrap`.
fn broker(name: &str) -> Option<i32> {
    name.rsplit_once('/')?.1.parse().ok()
}

// === impl Troubles ===

impl Troubles {
    pub(super) fn none() -> Self {
        Self {
            logged: BTreeSet::new(),
            certain: None,
            last: None,
            by_name: BTreeMap::new(),
            success: Success::NotYet,
            told: watch::Sender::new(Vec::new()),
        }
    }

    /// Takes in a failure, for this `reason`.
    pub(super) fn hear(&mut self, code: Code, reason: Reason, text: &str) -> News {
        // Only sums up what was told of each connection.
        if code == Code::ALL_BROKERS_DOWN {
            let news = self.by_name.is_empty() && self.logged.insert((code, reason, None));
            return if news { News::New(None) } else { News::Known };
        }
        let name = text.split_once(": ").map_or("", |(name, _)| name);
        if name == COORDINATOR {
            return News::Known;
        }
        let cause = Cause::of(text);
        if self.success == Success::Once && cause.is_some_and(Cause::is_guess) {
            return News::Known;
        }
        if matches!(
            reason,
            Reason::Authentication | Reason::Tls | Reason::Resolve
        ) {
            self.certain = Some(reason);
        }
        self.last = Some(reason);
        self.keep(name, cause, text);
        if self.logged.insert((code, reason, cause)) {
            News::New(cause.map(|cause| cause.advice(broker(name))))
        } else {
            News::Known
        }
    }

    fn keep(&mut self, name: &str, cause: Option<Cause>, text: &str) {
        let is_less = match (self.by_name.get(name), cause) {
            (Some((Some(_), _)), None) => true,
            (Some((Some(known), _)), Some(cause)) => known.is_closer_than(cause),
            (Some((None, _)), _) => false,
            (None, _) => self.by_name.len() >= KEPT,
        };
        if !is_less {
            self.by_name
                .insert(name.to_owned(), (cause, text.to_owned()));
            self.tell();
        }
    }

    /// Each cause once; where there is any, what has none only follows from it.
    fn tell(&self) {
        let mut told = BTreeMap::new();
        for (name, (cause, text)) in &self.by_name {
            let of_kafka = broker(name);
            told.entry((cause, of_kafka)).or_insert_with(|| Trouble {
                advice: cause.map(|cause| cause.advice(of_kafka)),
                text: text.clone(),
            });
        }
        let known = told.values().any(|trouble| trouble.advice.is_some());
        let all = told.into_values();
        let shown = all.filter(|trouble| trouble.advice.is_some() || !known);
        self.told.send_replace(shown.collect());
    }

    /// There is metadata.
    pub(super) fn clear(&mut self) {
        self.logged.clear();
        self.by_name.clear();
        (self.certain, self.last) = (None, None);
        self.tell();
    }

    /// Takes in what failed in a collection that had metadata.
    pub(super) fn judge(&mut self, failures: &[Failure]) {
        let of_connections = |it: &Failure| {
            matches!(
                it.unknown.reason,
                Reason::Timeout
                    | Reason::Transport
                    | Reason::Authentication
                    | Reason::Tls
                    | Reason::Resolve
            )
        };
        if !failures.iter().any(of_connections) {
            self.success = Success::Once;
        }
    }

    /// So long has nothing worked that the cluster may be another by now.
    pub(super) const fn forget_success(&mut self) {
        self.success = Success::NotYet;
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

    /// What is wrong, for others to see.
    pub(super) fn told(&self) -> watch::Receiver<Vec<Trouble>> {
        self.told.subscribe()
    }
}
