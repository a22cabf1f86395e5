//! The loop that gets tokens, in a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::config::{Mask, MskIam, OauthLogin, TokenEndpoint, TokenSource};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

#[cfg(not(feature = "msk-iam"))]
use super::WITHOUT_MSK_IAM;
use super::endpoint;
use super::login::TokenReport;
#[cfg(feature = "msk-iam")]
use super::msk_iam;
use super::schedule;
use super::token::{Circumstances, Issued};
use super::token_file::TokenFile;
use super::trouble::{TokenTrouble, TokenTroubleKind};
use crate::kafka::native::{Fence, TokenHandover};

/// The pause between two looks at a permission that has lapsed and may be extended again.
const LAPSE_PAUSE: Duration = Duration::from_millis(100);

/// The loop that gets tokens for one session, until the session ends or its fence closes.
pub(super) struct Fetcher {
    pub(super) login: OauthLogin,
    pub(super) mask: Mask,
    pub(super) fence: Arc<Fence>,
    /// Cancelled when the session drops its [`Login`](super::login::Login).
    pub(super) ended: CancellationToken,
    /// Notified by the session when a broker has refused the token.
    pub(super) refused: Arc<Notify>,
    pub(super) handover: Arc<TokenHandover>,
    pub(super) reports: Sender<TokenReport>,
    pub(super) token_file: TokenFile,
}

/// A token as it was received, before it is judged.
struct ReceivedToken {
    /// The place that the token comes from, as messages name it.
    place: String,
    text: String,
    /// The life that the place told; `None` where it told none.
    life: Option<Duration>,
    /// The time since 1970 by the clock of the place; `None` where it did not tell it.
    place_now: Option<Duration>,
}

/// The cause of the next request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The last token has lived for four fifths of its life, or the last attempt failed.
    Due,
    /// A broker refused the last token.
    BrokerRefusal,
}

// === impl Fetcher ===

impl Fetcher {
    /// Gets tokens. When this returns, no connection to the provider is left.
    pub(super) async fn run(self) {
        let over = async {
            tokio::select! { biased;
            () = self.ended.cancelled() => {}
            () = self.fence.closed_for_good() => {} }
        };
        tokio::select! { biased;
        () = over => {}
        () = self.fetch_while_permitted() => {} }
    }

    /// Gets tokens while the permission holds, and pauses while it has lapsed; never returns. A permission that has lapsed may be
    /// extended again, because the task that extends it and this one read the clock at slightly different moments.
    async fn fetch_while_permitted(&self) {
        loop {
            tokio::select! { biased;
            () = self.fence.closed() => {}
            () = self.fetch_in_time() => {} }
            tokio::time::sleep(LAPSE_PAUSE).await;
        }
    }

    /// Gets one token after the other, each in time. Returns when the permission has lapsed or the session takes no reports any more.
    async fn fetch_in_time(&self) {
        let (mut n_failures, mut n_refused) = (0, 0);
        while !self.fence.is_closed() {
            let asked_at = Instant::now();
            let (wait, outcome, doubt) = match self.fetch().await {
                Ok(Issued { token, life, doubt }) => {
                    n_failures = 0;
                    // The clock is read again after the request, because librdkafka compares the end of the token with this clock now.
                    let left = life.saturating_sub(asked_at.elapsed());
                    let expires = since_1970().saturating_add(left);
                    debug!(life_seconds = life.as_secs(), "Got a token");
                    self.handover.set(token, milliseconds(expires));
                    (self.refresh_after(life), Ok(asked_at + life), doubt)
                }
                Err(trouble) => {
                    n_failures += 1;
                    let wait = schedule::backoff(trouble.kind, n_failures, fastrand::f64());
                    (wait, Err(trouble), None)
                }
            };
            if self.reports.send(TokenReport { outcome, doubt }).is_err() {
                return;
            }
            let early = asked_at + schedule::after_broker_refusal(n_refused);
            let due = Instant::now().max(asked_at + wait);
            n_refused = match self.wait(due, early).await {
                Cause::Due => 0,
                Cause::BrokerRefusal => n_refused + 1,
            };
        }
    }

    fn refresh_after(&self, life: Duration) -> Duration {
        match self.login.source {
            TokenSource::Endpoint(_) | TokenSource::MskIam(_) => schedule::refresh_after(life),
            TokenSource::File(_) => schedule::reread_after(life),
        }
    }

    /// Waits until the next request is due, or at the earliest until `early` where a broker refuses the token before.
    async fn wait(&self, due: Instant, early: Instant) -> Cause {
        let refused = async {
            self.refused.notified().await;
            sleep_until(early).await;
        };
        tokio::select! { biased;
        () = sleep_until(due) => Cause::Due,
        () = refused => Cause::BrokerRefusal }
    }

    /// Gets one token from the place that the login names, and judges it.
    async fn fetch(&self) -> Result<Issued, TokenTrouble> {
        let ReceivedToken {
            place,
            text,
            life,
            place_now,
        } = match &self.login.source {
            TokenSource::Endpoint(endpoint) => self.ask(endpoint).await?,
            TokenSource::File(path) => self.read(path).await?,
            TokenSource::MskIam(login) => self.sign(login).await?,
        };
        let circumstances = Circumstances {
            place: &place,
            told_life: life,
            now: since_1970(),
            endpoint_now: place_now,
            mask: &self.mask,
        };
        Issued::of(&text, circumstances)
    }

    async fn ask(&self, endpoint: &TokenEndpoint) -> Result<ReceivedToken, TokenTrouble> {
        let place = endpoint::place(endpoint);
        let asked = endpoint::ask(endpoint).await;
        let endpoint::DatedAnswer {
            answer,
            endpoint_now,
        } = asked.map_err(|failure| self.trouble(&place, failure))?;
        Ok(ReceivedToken {
            place,
            text: answer.token,
            life: answer.life,
            place_now: endpoint_now,
        })
    }

    async fn read(&self, path: &Path) -> Result<ReceivedToken, TokenTrouble> {
        let place = format!("token file {}", path.display());
        let text = self.token_file.read(path).await;
        Ok(ReceivedToken {
            text: text.map_err(|failure| self.trouble(&place, failure))?,
            place,
            life: None,
            place_now: None,
        })
    }

    #[cfg(feature = "msk-iam")]
    async fn sign(&self, login: &MskIam) -> Result<ReceivedToken, TokenTrouble> {
        let place = msk_iam::place(login);
        let signed = msk_iam::token(login).await;
        let msk_iam::SignedToken {
            token,
            life,
            aws_now,
        } = signed.map_err(|failure| self.trouble(&place, failure))?;
        Ok(ReceivedToken {
            place,
            text: token,
            life: Some(life),
            place_now: aws_now,
        })
    }

    /// Returns the trouble that this build cannot sign tokens for Amazon MSK. The check of the configuration refuses such a login before.
    #[cfg(not(feature = "msk-iam"))]
    #[expect(clippy::unused_async, reason = "the other build waits here")]
    async fn sign(&self, _: &MskIam) -> Result<ReceivedToken, TokenTrouble> {
        let failure = (TokenTroubleKind::Unusable, WITHOUT_MSK_IAM.to_owned());
        Err(self.trouble("this build", failure))
    }

    fn trouble(&self, place: &str, (kind, text): (TokenTroubleKind, String)) -> TokenTrouble {
        TokenTrouble::new(kind, &format!("{place}: {text}"), &self.mask)
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the time since 1970 by the clock of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "the life of a token is told in wall clock time"
)]
pub(super) fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
