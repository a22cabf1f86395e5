//! The answer of a token endpoint, read as RFC 6749 has it in sections 4.4.3 and 5.2.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::trouble::TokenTroubleKind;

/// The largest answer of an endpoint, and the largest file with a token, in bytes. A broker takes half a megabyte in a login.
pub const MAX_BYTES: usize = 256 * 1024;

/// A token as the endpoint answered it, before anything is checked.
#[derive(PartialEq, Eq)]
pub struct TokenAnswer {
    /// The token, with any characters.
    pub token: String,
    /// The life of the token from the moment of the answer on; `None` where the endpoint does not tell it.
    pub life: Option<Duration>,
}

/// The kind of trouble because of which an answer has no token, with words for the log.
pub type NoToken = (TokenTroubleKind, String);

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// The life of the token in seconds: a number by RFC 6749, and a text with a number from some providers.
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    token_type: Option<String>,
}

#[derive(Default, Deserialize)]
struct DenialFields {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// Reads the body of an answer with this HTTP status.
///
/// # Errors
/// The status refuses a token, or the body has none.
pub fn read(status: u16, body: &[u8]) -> Result<TokenAnswer, NoToken> {
    if body.len() > MAX_BYTES {
        let text = format!("answered more than {MAX_BYTES} bytes");
        return Err((TokenTroubleKind::Unusable, text));
    }
    match status {
        200..=299 => granted(body),
        408 | 429 | 500..=599 => Err((TokenTroubleKind::Unreachable, denied(status, body))),
        400 | 401 | 403 => Err((TokenTroubleKind::Refused, denied(status, body))),
        _ => Err((TokenTroubleKind::Unusable, denied(status, body))),
    }
}

/// Reads a JSON object as `T`; `None` for other text, also for a list, which serde would take. The parser's error is dropped because
/// it may repeat a part of the text, such as a token.
pub(super) fn object<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    let members: Map<String, Value> = serde_json::from_slice(text).ok()?;
    serde_json::from_value(Value::Object(members)).ok()
}

fn granted(body: &[u8]) -> Result<TokenAnswer, NoToken> {
    let unusable = |text: &str| (TokenTroubleKind::Unusable, text.to_owned());
    let Granted {
        access_token,
        expires_in,
        token_type,
    } = object(body).ok_or_else(|| unusable("answered no JSON object with an access_token"))?;
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(unusable("answered a token that is no bearer token"));
    }
    let life = match expires_in {
        None | Some(Value::Null) => None,
        Some(value) => {
            Some(seconds(&value).ok_or_else(|| unusable("answered a wrong expires_in"))?)
        }
    };
    Ok(TokenAnswer {
        token: access_token,
        life,
    })
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Returns the words for an answer without a token: its status, and the two fields in which RFC 6749 explains a refusal.
fn denied(status: u16, body: &[u8]) -> String {
    let DenialFields {
        error,
        error_description,
    } = object(body).unwrap_or_default();
    let mut text = format!("answered status {status}");
    for words in [error, error_description].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(&words);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(body: &str) -> (String, Option<u64>) {
        let answer = read(200, body.as_bytes())
            .map_err(|(_, text)| text)
            .unwrap();
        (answer.token, answer.life.map(|life| life.as_secs()))
    }

    fn denied(status: u16, body: &str) -> NoToken {
        read(status, body.as_bytes()).err().unwrap()
    }

    #[test]
    fn a_token_and_its_life_are_read() {
        for (body, life) in [
            (
                "{\"access_token\":\"t\",\"expires_in\":300,\"token_type\":\"Bearer\"}",
                Some(300),
            ),
            (
                "{\"access_token\":\"t\",\"expires_in\":\"300\",\"token_type\":\"bearer\"}",
                Some(300),
            ),
            (
                "{\"access_token\":\"t\",\"expires_in\":null,\"id_token\":\"x\"}",
                None,
            ),
            ("{\"access_token\":\"t\"}", None),
            (
                "{\"access_token\":\"t\",\"expires_in\":1e300}",
                Some(u64::MAX),
            ),
        ] {
            assert_eq!(granted(body), ("t".to_owned(), life), "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_token_is_unusable_and_is_not_repeated() {
        for body in [
            "",
            "<html>hunter2</html>",
            "[\"hunter2\"]",
            "{\"token\":\"hunter2\"}",
            "{\"access_token\":5}",
            "{\"access_token\":\"hunter2\",\"token_type\":\"mac\"}",
            "{\"access_token\":\"hunter2\",\"expires_in\":-1}",
            "{\"access_token\":\"hunter2\",\"expires_in\":[]}",
        ] {
            let (kind, text) = denied(200, body);
            assert_eq!(kind, TokenTroubleKind::Unusable, "{body}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let (kind, text) = read(200, &vec![b' '; MAX_BYTES + 1]).err().unwrap();
        assert_eq!(kind, TokenTroubleKind::Unusable);
        assert!(text.contains("more than"), "{text}");
    }

    #[test]
    fn a_status_says_who_is_to_blame() {
        let body = "{\"error\":\"invalid_client\",\"error_description\":\"Bad secret\"}";
        assert_eq!(
            denied(401, body),
            (
                TokenTroubleKind::Refused,
                "answered status 401: invalid_client: Bad secret".to_owned()
            )
        );
        for (status, kind) in [
            (400, TokenTroubleKind::Refused),
            (403, TokenTroubleKind::Refused),
            (302, TokenTroubleKind::Unusable),
            (404, TokenTroubleKind::Unusable),
            (429, TokenTroubleKind::Unreachable),
            (503, TokenTroubleKind::Unreachable),
        ] {
            let (told, text) = denied(status, "<html>");
            assert_eq!((told, text), (kind, format!("answered status {status}")));
        }
    }
}
