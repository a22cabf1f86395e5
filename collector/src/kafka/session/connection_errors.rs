//! What a session's connections have told since the metadata was last read.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use crate::kafka::error_code::ErrorCode;
use crate::kafka::likely_cause::LikelyCause;
use crate::snapshot::{Failure, Reason};

/// Brokers whose troubles are kept, so that a cluster of many is not a page of the same.
const MAX_CONNECTIONS: usize = 8;

/// librdkafka's name of a connection to a broker that has another one under its own name, which tells the same.
const COORDINATOR_CONNECTION: &str = "GroupCoordinator";

/// An error that keeps a connection from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    /// The likely cause and its remedy; `None` where nothing more is known than the text.
    pub advice: Option<String>,
    /// The message of librdkafka, without secrets.
    pub text: String,
}

/// Connections that failed.
#[derive(Debug)]
pub(super) struct ConnectionErrors {
    /// What the log was told: one trouble is one line, however often librdkafka repeats it.
    logged: BTreeSet<(ErrorCode, Reason, Option<LikelyCause>)>,
    /// Why connections fail, where that says more than that they do.
    definite_reason: Option<Reason>,
    /// Why the last connection failed.
    last_reason: Option<Reason>,
    /// The last trouble of each connection, by librdkafka's name for it.
    by_connection: BTreeMap<String, (Option<LikelyCause>, String)>,
    /// Whether all connections have worked: that a broker hangs up then is most likely its end, and no mistake of anybody's.
    success: Success,
    published: watch::Sender<Vec<ConnectionError>>,
}

/// Whether every connection of a collection has worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Success {
    NotYet,
    Once,
}

/// Whether the log has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    Known,
    /// With the likely cause, if there is one.
    New(Option<String>),
}

/// What a line of librdkafka's log tells of a connection that is not also told as an error: that it was closed (levels 4 to 6 as
/// of syslog), and why a certificate was refused.
pub(super) fn error_in_log(level: i32, facility: &str, text: &str) -> Option<(ErrorCode, String)> {
    let code = match facility {
        "FAIL" if (4..=6).contains(&level) => ErrorCode::LOCAL_TRANSPORT,
        "SSLCERTVRFY" => ErrorCode::LOCAL_SSL,
        _ => return None,
    };
    // "[thrd:NAME]: " stands before it.
    let text = text.split_once("]: ").map_or(text, |(_, text)| text);
    LikelyCause::from_log(text).map(|_| (code, text.to_owned()))
}

/// The node id in librdkafka's name of a connection, which ends in `/ID` or `/bootstrap`.
fn broker(name: &str) -> Option<i32> {
    name.rsplit_once('/')?.1.parse().ok()
}

// === impl ConnectionErrors ===

impl ConnectionErrors {
    pub(super) fn new() -> Self {
        Self {
            logged: BTreeSet::new(),
            definite_reason: None,
            last_reason: None,
            by_connection: BTreeMap::new(),
            success: Success::NotYet,
            published: watch::Sender::new(Vec::new()),
        }
    }

    /// Takes in a failure, for this `reason`.
    pub(super) fn record(&mut self, code: ErrorCode, reason: Reason, text: &str) -> Novelty {
        // Only sums up what was told of each connection.
        if code == ErrorCode::LOCAL_ALL_BROKERS_DOWN {
            let news = self.by_connection.is_empty() && self.logged.insert((code, reason, None));
            return if news {
                Novelty::New(None)
            } else {
                Novelty::Known
            };
        }
        let name = text.split_once(": ").map_or("", |(name, _)| name);
        if name == COORDINATOR_CONNECTION {
            return Novelty::Known;
        }
        let cause = LikelyCause::from_log(text);
        if self.success == Success::Once && cause.is_some_and(LikelyCause::is_guess) {
            return Novelty::Known;
        }
        if matches!(
            reason,
            Reason::Authentication | Reason::Tls | Reason::Resolve
        ) {
            self.definite_reason = Some(reason);
        }
        self.last_reason = Some(reason);
        self.keep_latest(name, cause, text);
        if self.logged.insert((code, reason, cause)) {
            Novelty::New(cause.map(|cause| cause.advice(broker(name))))
        } else {
            Novelty::Known
        }
    }

    fn keep_latest(&mut self, name: &str, cause: Option<LikelyCause>, text: &str) {
        let is_less_precise = match (self.by_connection.get(name), cause) {
            (Some((Some(_), _)), None) => true,
            (Some((Some(known), _)), Some(cause)) => known.is_more_precise_than(cause),
            (Some((None, _)), _) => false,
            (None, _) => self.by_connection.len() >= MAX_CONNECTIONS,
        };
        if !is_less_precise {
            self.by_connection
                .insert(name.to_owned(), (cause, text.to_owned()));
            self.publish();
        }
    }

    /// Each cause once; where there is any, what has none only follows from it.
    fn publish(&self) {
        let mut told = BTreeMap::new();
        for (name, (cause, text)) in &self.by_connection {
            let of_kafka = broker(name);
            told.entry((cause, of_kafka))
                .or_insert_with(|| ConnectionError {
                    advice: cause.map(|cause| cause.advice(of_kafka)),
                    text: text.clone(),
                });
        }
        let known = told.values().any(|trouble| trouble.advice.is_some());
        let all = told.into_values();
        let shown = all.filter(|trouble| trouble.advice.is_some() || !known);
        self.published.send_replace(shown.collect());
    }

    /// There is metadata.
    pub(super) fn clear(&mut self) {
        self.logged.clear();
        self.by_connection.clear();
        (self.definite_reason, self.last_reason) = (None, None);
        self.publish();
    }

    /// Takes in what failed in a collection that had metadata.
    pub(super) fn note_collection(&mut self, failures: &[Failure]) {
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
    pub(super) const fn definite_reason(&self) -> Option<Reason> {
        self.definite_reason
    }

    /// Why there is no metadata, which librdkafka says by `code`. For it a broker that is connected to and says nothing is
    /// as good as none; but of a connection that fails, it tells.
    pub(super) fn reason_without_metadata(&self, code: ErrorCode) -> Reason {
        match code.reason() {
            reason @ (Reason::Timeout | Reason::Transport) => {
                let told = match reason {
                    Reason::Transport => self.last_reason.unwrap_or(Reason::Timeout),
                    reason => reason,
                };
                self.definite_reason.unwrap_or(told)
            }
            reason => reason,
        }
    }

    /// What is wrong, for others to see.
    pub(super) fn subscribe(&self) -> watch::Receiver<Vec<ConnectionError>> {
        self.published.subscribe()
    }
}
