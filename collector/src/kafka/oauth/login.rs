//! The login of a session: the thread that gets tokens, and what the session knows of the tokens.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;

use shared::config::{Mask, OauthLogin};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Span;

use super::fetcher::Fetcher;
use super::token_file::TokenFile;
use super::trouble::{TokenTrouble, TokenTroubleKind};
use crate::gate::client_slot::ClientGuard;
use crate::kafka::native::{Fence, TokenHandover};

/// The login of a session with tokens. Dropping it ends the thread that gets them.
#[derive(Debug)]
pub(in crate::kafka) struct Login {
    handover: Arc<TokenHandover>,
    reports: Receiver<TokenReport>,
    refused: Arc<Notify>,
    /// The end of the last token's life; `None` before the first token.
    valid_until: Option<Instant>,
    /// The trouble of the last attempt; `None` after an attempt that brought a token.
    trouble: Option<TokenTrouble>,
    #[expect(dead_code, reason = "ends the thread when it is dropped")]
    end: DropGuard,
    thread: JoinHandle<()>,
}

/// The result of one attempt to get a token.
#[derive(Debug)]
pub(in crate::kafka) struct TokenReport {
    /// The end of the new token's life, or the trouble.
    pub(super) outcome: Result<Instant, TokenTrouble>,
    /// The trouble that makes the new token or a clock doubtful; the token is used nevertheless.
    pub(super) doubt: Option<TokenTrouble>,
}

/// The state of the token that the clients have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum TokenState {
    /// The token has not expired.
    Valid,
    /// The token has expired. Connections that logged in before may still work.
    Expired,
    /// No token was got yet, so no connection can be made. The trouble is `None` where no attempt has ended.
    NoneYet(Option<TokenTrouble>),
}

/// An event that the session counts and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum TokenEvent {
    /// A new token was got.
    Renewed,
    /// A new token was got, and this trouble makes the token or a clock doubtful.
    RenewedInDoubt(TokenTrouble),
    /// An attempt to get a token has failed.
    Failed(TokenTrouble),
}

/// The error that keeps the thread from being started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the thread that gets tokens")]
pub(in crate::kafka) struct StartError(#[from] pub(in crate::kafka) io::Error);

// === impl Login ===

impl Login {
    /// Starts the thread that gets tokens. The thread holds `client_guard` until no connection to the provider is left.
    ///
    /// # Errors
    /// The operating system refuses the thread, or the file descriptors of its runtime.
    pub(in crate::kafka) fn start(
        login: &OauthLogin,
        mask: Mask,
        fence: &Arc<Fence>,
        client_guard: Arc<ClientGuard>,
    ) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handover = Arc::new(TokenHandover::new(&login.extensions));
        let (sender, reports) = channel();
        let (refused, ended) = (Arc::<Notify>::default(), CancellationToken::new());
        let fetcher = Fetcher {
            login: login.clone(),
            mask,
            fence: Arc::clone(fence),
            ended: ended.clone(),
            refused: Arc::clone(&refused),
            handover: Arc::clone(&handover),
            reports: sender,
            token_file: TokenFile::new(),
        };
        let span = Span::current();
        let thread = std::thread::Builder::new()
            .name("token".to_owned())
            .spawn(move || span.in_scope(|| run(runtime, fetcher, client_guard)))?;
        Ok(Self {
            handover,
            reports,
            refused,
            valid_until: None,
            trouble: None,
            end: ended.drop_guard(),
            thread,
        })
    }

    /// Returns true where the thread has ended: because the fence was closed, or by a panic.
    pub(in crate::kafka) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Returns the handover from which clients get the token.
    pub(in crate::kafka) fn handover(&self) -> &Arc<TokenHandover> {
        &self.handover
    }

    /// Returns what has happened since the last call, without waiting, and updates the state of the token.
    pub(in crate::kafka) fn take_reports(&mut self) -> Vec<TokenEvent> {
        let reports: Vec<TokenReport> = self.reports.try_iter().collect();
        reports.into_iter().map(|it| self.take_in(it)).collect()
    }

    /// Waits until the first attempt has brought a token or a trouble, at the longest `until`; returns what has happened. Does not wait
    /// where there was a token before.
    pub(in crate::kafka) fn wait_for_first_token(&mut self, until: Instant) -> Vec<TokenEvent> {
        let mut events = self.take_reports();
        while self.valid_until.is_none() && self.trouble.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            match self.reports.recv_timeout(left) {
                Ok(report) => events.push(self.take_in(report)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        events
    }

    /// Returns the state of the token at `now`.
    pub(in crate::kafka) fn state(&self, now: Instant) -> TokenState {
        match self.valid_until {
            Some(end) if now < end => TokenState::Valid,
            Some(_) => TokenState::Expired,
            None => TokenState::NoneYet(self.trouble.clone()),
        }
    }

    /// Returns the trouble of a token that has expired at `now`; `None` where there is no token yet, or it has not expired.
    pub(in crate::kafka) fn expired(&self, now: Instant) -> Option<TokenTrouble> {
        let ago = now.checked_duration_since(self.valid_until?)?;
        let ago = ago.as_secs();
        let text = match &self.trouble {
            None => format!("the token has expired {ago} s ago"),
            Some(trouble) => {
                format!("the token has expired {ago} s ago, and there is no new one: {trouble}")
            }
        };
        let kind = TokenTroubleKind::Expired;
        Some(TokenTrouble { kind, text })
    }

    /// Asks the thread for a new token out of turn, because a broker has refused the last one.
    pub(in crate::kafka) fn renew(&self) {
        self.refused.notify_one();
    }

    fn take_in(&mut self, TokenReport { outcome, doubt }: TokenReport) -> TokenEvent {
        match outcome {
            Ok(valid_until) => {
                self.valid_until = Some(valid_until);
                self.trouble = None;
                doubt.map_or(TokenEvent::Renewed, TokenEvent::RenewedInDoubt)
            }
            Err(trouble) => {
                self.trouble = Some(trouble.clone());
                TokenEvent::Failed(trouble)
            }
        }
    }
}

fn run(runtime: Runtime, fetcher: Fetcher, client_guard: Arc<ClientGuard>) {
    runtime.block_on(fetcher.run());
    // The shutdown does not wait for a look-up of the system's resolver, which cannot be interrupted.
    runtime.shutdown_background();
    drop(client_guard);
}
