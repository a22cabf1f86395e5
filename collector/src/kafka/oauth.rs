//! OAUTHBEARER with tokens of an identity provider: a thread of each session gets them, in time, and hands them to the clients.
//!
//! # The course
//! 1. `Login::start` starts the thread when the clients of a leadership are made. It asks for a token at once, so that the first
//!    collection finds one.
//!    Tokens come from an endpoint (`endpoint`), from a file (`token_file`), or are signed here for Amazon MSK (`msk_iam`).
//! 2. A token that can be used (`token`) is handed to the clients (`native::TokenHandover`) and reported to the session. At four fifths of
//!    its life the next one is asked for; a file is read more often, as whoever renews it does not say when (`schedule`).
//! 3. A failure is reported as a [`TokenTrouble`] with a reason of its own, and the next attempt follows after a growing wait. The clients
//!    keep the token that they have.
//! 4. Where a broker refuses a token that has not expired, such as after a change of the provider's keys, the session asks for a new
//!    one out of turn (`Login::renew`).
//!
//! # Leadership
//! The provider is asked only while the pod leads: the thread looks at the fence before each request, and drops a request, with its
//! connection, when the fence closes or the permission ends. Until then it holds a share of the client guard, so this process does not
//! say that it is quiet while a request is under way.
//!
//! # Secrets
//! Tokens are [`Secret`](shared::config::Secret)s. No answer is repeated in a message but for the two fields in which a provider
//! explains a refusal.
//!
//! # Not promised
//! Nothing is verified here: brokers do that. Each session has its own thread and its own tokens, even where two clusters have the
//! same provider and client.

pub mod answer;
mod authorities;
mod endpoint;
mod fetcher;
mod jwt;
mod login;
#[cfg(feature = "msk-iam")]
mod msk_iam;
mod schedule;
#[cfg(test)]
pub(super) mod tests;
pub mod token;
mod token_file;
pub mod trouble;

use shared::config::{OauthLogin, TokenSource};

pub(super) use self::login::{Login, StartError, TokenEvent, TokenState};
pub(super) use self::trouble::{TokenTrouble, TokenTroubleKind};

/// The message about a login that this build does not have.
const WITHOUT_MSK_IAM: &str = "\"sasl.mechanism\" = \"AWS_MSK_IAM\" needs a collector that is built with the Cargo feature msk-iam, as the \
                               images are; this one is built without it";

/// Checks what can be checked of a login without a connection: that this build has it, and that the authorities of the identity provider
/// can be read.
///
/// # Errors
/// The build does not have the login, or the file or the text of the authorities has no certificate. The message names the property
/// and what is wrong with its value.
pub(super) fn check(login: &OauthLogin) -> Result<(), String> {
    match &login.source {
        TokenSource::Endpoint(endpoint) => authorities::tls(&endpoint.authorities).map(drop),
        TokenSource::MskIam(_) if !cfg!(feature = "msk-iam") => Err(WITHOUT_MSK_IAM.to_owned()),
        TokenSource::MskIam(login) => authorities::tls(&login.authorities).map(drop),
        TokenSource::File(_) => Ok(()),
    }
}
