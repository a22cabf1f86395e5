//! A session's reactions to the tokens with which its clients log in: log lines, counters, and the failure of a collection for which
//! there is no token.

use tokio::time::Instant;
use tracing::{debug, warn};

use super::Session;
use super::connection_errors::{self, Novelty};
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::oauth::{Login, TokenEvent, TokenState, TokenTrouble};
use crate::snapshot::{Api, Reason};

/// The largest number of troubles that are kept between two collections; further ones are not counted.
const MAX_UNCOUNTED: usize = 256;

/// The requests for tokens and the troubles with them that no collection has counted yet.
#[derive(Debug, Default)]
pub(super) struct Uncounted {
    n_requests: u64,
    /// The reason and the words of each trouble.
    troubles: Vec<(Reason, String)>,
}

// === impl Uncounted ===

impl Uncounted {
    fn push(&mut self, reason: Reason, text: String) {
        if self.troubles.len() < MAX_UNCOUNTED {
            self.troubles.push((reason, text));
        }
    }
}

// === impl Session ===

impl Session {
    /// Takes in the events of tokens since the last call: counts and logs them.
    ///
    /// # Panics
    /// A panic has ended the thread that gets tokens. The process ends then, as it does after a panic of the clients' thread.
    pub(super) fn take_token_events(&mut self) {
        let ended = self.login.as_ref().is_some_and(Login::has_ended);
        assert!(
            !ended || self.fence.is_closed(),
            "the thread that gets tokens has ended"
        );
        let events = self.login.as_mut().map(Login::take_reports);
        for event in events.unwrap_or_default() {
            self.take_token_event(event);
        }
    }

    /// Adds the requests for tokens and the troubles with them to the collection, also a token that has expired. No trouble with tokens
    /// makes the collection incomplete.
    pub(super) fn count_token_events(&mut self, context: &mut CollectionContext<'_>) {
        if let Some(trouble) = self
            .login
            .as_ref()
            .and_then(|it| it.expired(Instant::now()))
        {
            self.note_trouble(trouble);
        }
        let Uncounted {
            n_requests,
            troubles,
        } = std::mem::take(&mut self.uncounted);
        for _ in 0..n_requests {
            context.count_request(Api::Token);
        }
        for (reason, text) in troubles {
            context.record_failure(Api::Token, reason, text);
        }
    }

    /// Asks for a new token where `text`, an error of a connection, says that a broker refuses the token, and keeps the refusal for the
    /// counters. The refusal is counted here because no request need fail by it: the new token may come before the next request.
    pub(super) fn take_broker_refusal(&mut self, text: &str) {
        if let Some(login) = &self.login
            && connection_errors::is_token_refusal(text)
        {
            login.renew();
            self.uncounted.push(Reason::Authentication, text.to_owned());
        }
    }

    /// Waits for the first token, without which no connection can be made. Does not wait where the login needs no token.
    ///
    /// # Errors
    /// The first attempts brought no token: the reason of the last one, or a timeout where none has ended.
    pub(super) fn first_token(&mut self, context: &CollectionContext<'_>) -> Result<(), Reason> {
        let Some(login) = &mut self.login else {
            return Ok(());
        };
        let timeout = context.request_timeout(Api::Token).unwrap_or_default();
        for event in login.wait_for_first_token(Instant::now() + timeout) {
            self.take_token_event(event);
        }
        match self.token_state() {
            TokenState::Valid | TokenState::Expired => Ok(()),
            TokenState::NoneYet(trouble) => {
                Err(trouble.map_or(Reason::Timeout, |trouble| trouble.reason()))
            }
        }
    }

    /// Returns the reason for which connections fail: a token that has expired, or what an error of a connection definitely says; `None`
    /// where no such reason is known.
    pub(super) fn connection_reason(&self) -> Option<Reason> {
        match self.token_state() {
            TokenState::Expired => Some(Reason::TokenExpired),
            TokenState::Valid | TokenState::NoneYet(_) => self.connection_errors.definite_reason(),
        }
    }

    /// Returns the state of the token; valid where the login needs no token.
    fn token_state(&self) -> TokenState {
        let login = self.login.as_ref();
        login.map_or(TokenState::Valid, |login| login.state(Instant::now()))
    }

    fn take_token_event(&mut self, event: TokenEvent) {
        self.uncounted.n_requests += 1;
        match event {
            TokenEvent::Renewed => {
                debug!("The clients have a new token");
                self.connection_errors.clear_token_troubles();
            }
            TokenEvent::RenewedInDoubt(doubt) => {
                self.connection_errors.keep_token_trouble(doubt.kind);
                self.note_trouble(doubt);
            }
            TokenEvent::Failed(trouble) => self.note_trouble(trouble),
        }
    }

    /// Logs a trouble with tokens if it is the first of its kind since the last token, and keeps it for the counters.
    fn note_trouble(&mut self, trouble: TokenTrouble) {
        if self.fence.is_closed() {
            return;
        }
        if let Novelty::New(advice) = self.connection_errors.record_token_trouble(&trouble) {
            warn!(
                reason = trouble.reason().label(),
                error = trouble.text,
                likely_cause = advice,
                "Kafka login trouble"
            );
        }
        self.uncounted.push(trouble.reason(), trouble.text);
    }
}
