//! The errors of a session's connections since the metadata was last read: those that are new for the log, those that are shown,
//! and the reason that they give to failed requests.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use crate::kafka::error_code::ErrorCode;
use crate::kafka::likely_cause::LikelyCause;
use crate::kafka::oauth::{TokenTrouble, TokenTroubleKind};
use crate::snapshot::{Failure, Reason};

/// The largest number of connections whose errors are kept. In a cluster of many brokers all would show the same.
const MAX_CONNECTIONS: usize = 8;

/// librdkafka's name of its connection to the group coordinator. That broker has another connection, under its own name, with the
/// same errors.
const COORDINATOR_CONNECTION: &str = "GroupCoordinator";

/// An error that keeps a connection from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    /// The likely cause and its remedy; `None` where nothing more is known than the text.
    pub advice: Option<String>,
    /// The text of the error, without secrets.
    pub text: String,
    /// The part of the program that reports the error.
    pub said_by: SaidBy,
}

/// The part of the program that reports an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidBy {
    /// librdkafka reports an error of a connection to a broker.
    Librdkafka,
    /// The login reports a trouble with a token.
    Login,
}

/// The errors of a session's connections.
#[derive(Debug)]
pub(super) struct ConnectionErrors {
    /// The kinds of errors that were logged. Each is logged once, however often librdkafka repeats it, until there is metadata.
    logged: BTreeSet<(ErrorCode, Reason, Option<LikelyCause>)>,
    /// The last reason that says more than that a connection failed: authentication, TLS or an unknown host name. Cleared when
    /// metadata is read.
    definite_reason: Option<Reason>,
    /// The reason of the last error. Cleared when metadata is read.
    last_reason: Option<Reason>,
    /// The most telling error of each connection, by librdkafka's name for it. Cleared when metadata is read.
    by_connection: BTreeMap<String, (Option<LikelyCause>, String)>,
    /// The last trouble of each kind with tokens. A new token clears it.
    token_troubles: BTreeMap<TokenTroubleKind, TokenTrouble>,
    /// `Once` after all connections have worked. From then on, a broker that closes a connection is most likely shutting down,
    /// and a mistake in the configuration is unlikely.
    success: Success,
    /// The errors that are shown to users, each cause once.
    published: watch::Sender<Vec<ConnectionError>>,
}

/// The memory of a collection in which every connection worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Success {
    NotYet,
    Once,
}

/// The novelty of an error: a new one has to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// An error of this kind was logged before, or the error needs no line of its own.
    Known,
    /// The error was not logged yet. Carries the likely cause and its remedy, if they are known.
    New(Option<String>),
}

/// Returns the error of a connection that librdkafka only writes to its log: a connection that was closed for a reason that can
/// be guessed (syslog's levels 4 to 6), or the reason for which a certificate was refused. `None` for other lines.
pub(super) fn error_in_log(level: i32, facility: &str, text: &str) -> Option<(ErrorCode, String)> {
    let code = match facility {
        "FAIL" if (4..=6).contains(&level) => ErrorCode::LOCAL_TRANSPORT,
        "SSLCERTVRFY" => ErrorCode::LOCAL_SSL,
        _ => return None,
    };
    // The text follows the prefix "[thrd:NAME]: ".
    let text = text.split_once("]: ").map_or(text, |(_, text)| text);
    LikelyCause::from_log(text).map(|_| (code, text.to_owned()))
}

/// Returns true for a message of librdkafka in which a broker refuses a token.
pub(super) fn is_token_refusal(text: &str) -> bool {
    LikelyCause::from_log(text) == Some(LikelyCause::TokenRefused)
}

/// Returns the node id in librdkafka's name of a connection, which ends in `/ID` or `/bootstrap`; `None` for `/bootstrap`.
fn broker(name: &str) -> Option<i32> {
    name.rsplit_once('/')?.1.parse().ok()
}

// === impl ConnectionErrors ===

impl ConnectionErrors {
    /// Returns the state before any error.
    pub(super) fn new() -> Self {
        Self {
            logged: BTreeSet::new(),
            definite_reason: None,
            last_reason: None,
            by_connection: BTreeMap::new(),
            token_troubles: BTreeMap::new(),
            success: Success::NotYet,
            published: watch::Sender::new(Vec::new()),
        }
    }

    /// Records an error that has this `reason`. Returns whether the error has to be logged.
    pub(super) fn record(&mut self, code: ErrorCode, reason: Reason, text: &str) -> Novelty {
        // This error only sums up the errors of the single connections, so it is logged only if no such error is known.
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
        let cause = match self.success {
            Success::Once if cause.is_some_and(LikelyCause::is_guess) => return Novelty::Known,
            Success::Once => cause.map(LikelyCause::after_success),
            Success::NotYet => cause,
        };
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

    /// Keeps the error of the connection `name`, unless an error that says more about this connection is there, or there are
    /// [`MAX_CONNECTIONS`] others.
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

    /// Publishes each cause once. Where a cause is known, errors without one are most likely its consequences and are left out.
    fn publish(&self) {
        let mut by_cause = BTreeMap::new();
        for (name, (cause, text)) in &self.by_connection {
            let of_kafka = broker(name);
            by_cause
                .entry((cause, of_kafka))
                .or_insert_with(|| ConnectionError {
                    advice: cause.map(|cause| cause.advice(of_kafka)),
                    text: text.clone(),
                    said_by: SaidBy::Librdkafka,
                });
        }
        let has_advice = by_cause.values().any(|error| error.advice.is_some());
        let all = by_cause.into_values();
        let shown = all.filter(|error| error.advice.is_some() || !has_advice);
        let of_tokens = self.token_troubles.values().map(|trouble| ConnectionError {
            advice: Some(trouble.kind.advice().to_owned()),
            text: trouble.text.clone(),
            said_by: SaidBy::Login,
        });
        self.published
            .send_replace(of_tokens.chain(shown).collect());
    }

    /// Takes in a trouble with tokens, and tells if it is the first one of its kind since the last token.
    pub(super) fn record_token_trouble(&mut self, trouble: &TokenTrouble) -> Novelty {
        let known = self.token_troubles.insert(trouble.kind, trouble.clone());
        self.publish();
        match known {
            Some(_) => Novelty::Known,
            None => Novelty::New(Some(trouble.kind.advice().to_owned())),
        }
    }

    /// Drops the troubles with tokens, because a new token was got.
    pub(super) fn clear_token_troubles(&mut self) {
        self.token_troubles.clear();
        self.publish();
    }

    /// Drops the troubles with tokens except for this kind, because a new token was got, with a trouble of this kind.
    pub(super) fn keep_token_trouble(&mut self, kind: TokenTroubleKind) {
        self.token_troubles.retain(|known, _| *known == kind);
        self.publish();
    }

    /// Drops all errors, because metadata was read and so the connections work.
    pub(super) fn clear(&mut self) {
        self.logged.clear();
        self.by_connection.clear();
        (self.definite_reason, self.last_reason) = (None, None);
        self.publish();
    }

    /// Notes that all connections have worked, if none of the failures of a collection with metadata is that of a connection.
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

    /// Forgets that connections have worked. They have failed for so long that the cluster may have other settings by now.
    pub(super) const fn forget_success(&mut self) {
        self.success = Success::NotYet;
    }

    /// Returns the reason for which connections fail, if one is known that says more than that they fail.
    pub(super) const fn definite_reason(&self) -> Option<Reason> {
        self.definite_reason
    }

    /// Returns the reason for which there is no metadata, where librdkafka returned `code` for it. librdkafka returns the same
    /// code for a broker that is connected and silent as for one that cannot be reached, but reports an error only for a broker
    /// that cannot be reached.
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

    /// Returns a receiver of the published errors.
    pub(super) fn subscribe(&self) -> watch::Receiver<Vec<ConnectionError>> {
        self.published.subscribe()
    }
}
