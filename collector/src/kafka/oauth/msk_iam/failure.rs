//! The judgement of an error of AWS' library: who is at fault.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use shared::config::MskIam;

use super::http::{ExchangeError, LastAnswer};
use crate::kafka::oauth::trouble::TokenTroubleKind;

/// The words for a chain of places of which none has credentials.
const NO_CREDENTIALS: &str = "there are no credentials: neither in the environment nor in a profile, and none of a web identity, of \
                              the pod or of the machine";

/// Returns the kind of trouble of a failure to get credentials, with words. The library's errors have no credentials in their texts.
pub(super) fn of(
    error: &CredentialsError,
    login: &MskIam,
    last_answer: &LastAnswer,
) -> (TokenTroubleKind, String) {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        let text = login.profile.as_ref().map_or_else(
            || NO_CREDENTIALS.to_owned(),
            |profile| format!("there is no profile {profile} with credentials"),
        );
        return (TokenTroubleKind::AwsCredentials, text);
    }
    let mut words: Vec<String> = Vec::new();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(exchange) = error.downcast_ref::<ExchangeError>() {
            return (of_exchange(exchange.kind), exchange.to_string());
        }
        let text = error.to_string();
        // Outer errors often repeat their cause.
        if !words.iter().any(|known| known.contains(&text)) {
            words.push(text);
        }
        cause = error.source();
    }
    let kind = match last_answer.status() {
        Some(408 | 429 | 500..=599) => TokenTroubleKind::AwsUnreachable,
        Some(400..=499) => TokenTroubleKind::AwsRefused,
        _ => TokenTroubleKind::AwsCredentials,
    };
    // The outer errors are headings without a content.
    let mut words = words.split_off(words.len().saturating_sub(2));
    if let Some(status @ 300..) = last_answer.status() {
        words.insert(0, format!("answered status {status}"));
    }
    (kind, words.join(": "))
}

/// Returns the kind for AWS of a kind that the exchange with a token endpoint has.
const fn of_exchange(kind: TokenTroubleKind) -> TokenTroubleKind {
    match kind {
        TokenTroubleKind::Unreachable => TokenTroubleKind::AwsUnreachable,
        kind => kind,
    }
}
