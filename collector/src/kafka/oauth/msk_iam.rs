//! Tokens for Amazon MSK with IAM. A token is the URL of a request that is never sent, signed with AWS credentials: a broker has AWS check
//! the signature, and learns so who logs in.
//!
//! # The course
//! 1. `credentials` gets credentials as AWS' own programs do: those of the environment, a profile, a web identity, the pod or the
//!    machine, and where a role is configured those of that role.
//! 2. `signature` signs the URL with them, without a request.
//!
//! # Not logged
//! AWS' library logs nothing here. At the level TRACE it would log whole requests, and the session token in what it signs. Each trouble is
//! logged by the session, once.
//!
//! # Not kept
//! Credentials are got anew for each token, so files, variables and roles that change count from the next token on, and no connection
//! stays open in between. A token does not live longer than the credentials that have signed it.

mod credentials;
mod failure;
mod http;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use shared::config::MskIam;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::{NoSubscriber, with_default};

use super::authorities;
use super::fetcher::since_1970;
use super::trouble::TokenTroubleKind;

use self::http::LastAnswer;
use self::signature::LIFE;

/// The longest time for getting credentials. Where there are none, this includes two attempts to reach the metadata service of the
/// machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A token, its life, and AWS' clock.
pub(super) struct SignedToken {
    pub(super) token: String,
    /// The life of the token from now on.
    pub(super) life: Duration,
    /// The time since 1970 by the clock of the service that gave the credentials; `None` where no service was asked.
    pub(super) aws_now: Option<Duration>,
}

/// Returns words for the place that tokens come from.
pub(super) fn place(login: &MskIam) -> String {
    format!("AWS IAM for {}", login.region)
}

/// Gets credentials and signs a token with them.
///
/// # Errors
/// There are no credentials: the kind of trouble, with words.
pub(super) async fn token(login: &MskIam) -> Result<SignedToken, (TokenTroubleKind, String)> {
    let tls = authorities::tls(&login.authorities)
        .map_err(|text| (TokenTroubleKind::Certificate, text))?;
    let last_answer = Arc::<LastAnswer>::default();
    let loading = credentials::load(login, http::client(tls, &last_answer))
        .with_subscriber(NoSubscriber::default());
    let loaded = tokio::time::timeout(TIMEOUT, loading).await;
    let credentials = match loaded {
        Ok(Ok(credentials)) => credentials,
        Ok(Err(error)) => return Err(failure::of(&error, login, &last_answer)),
        Err(_elapsed) => {
            let text = format!("no credentials within {} s", TIMEOUT.as_secs());
            return Err((TokenTroubleKind::AwsUnreachable, text));
        }
    };
    let now = since_1970();
    let life = life(&credentials, now)?;
    let sign = || signature::token(&login.region, credentials, now);
    let token = with_default(NoSubscriber::default(), sign)
        .map_err(|text| (TokenTroubleKind::AwsCredentials, text))?;
    let aws_now = last_answer.date();
    Ok(SignedToken {
        token,
        life,
        aws_now,
    })
}

/// Returns the life of a token that these credentials sign now.
fn life(credentials: &Credentials, now: Duration) -> Result<Duration, (TokenTroubleKind, String)> {
    let Some(expiry) = credentials.expiry() else {
        return Ok(LIFE);
    };
    let expires = expiry.duration_since(UNIX_EPOCH).unwrap_or_default();
    match expires.checked_sub(now) {
        Some(left) if !left.is_zero() => Ok(left.min(LIFE)),
        _ => {
            let ago = now.saturating_sub(expires).as_secs();
            let text = format!("the credentials have expired {ago} s ago");
            Err((TokenTroubleKind::Expired, text))
        }
    }
}
