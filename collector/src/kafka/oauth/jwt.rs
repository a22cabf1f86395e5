//! The claims of a JWT that say how long it lives. Signatures are not verified here; brokers verify them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::answer::object;

/// The claims of a token that the collector reads. Times are Unix times in seconds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Claims {
    /// The claim `sub`: the user that the token is for.
    #[serde(default)]
    pub(super) sub: Option<String>,
    /// The claim `exp`: the end of the token's life.
    #[serde(default)]
    exp: Option<f64>,
    /// The claim `iat`: the moment at which the token was made.
    #[serde(default)]
    iat: Option<f64>,
    /// The claim `nbf`: the moment before which the token is not valid.
    #[serde(default)]
    nbf: Option<f64>,
}

// === impl Claims ===

impl Claims {
    /// Returns the claims of `token`; no claims where the token is no JWT, since a provider may give opaque tokens.
    pub(super) fn of(token: &str) -> Self {
        Self::parse(token).unwrap_or_default()
    }

    fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        object(&payload)
    }

    /// Returns the end of the token's life, as time since 1970.
    pub(super) fn expires(&self) -> Option<Duration> {
        self.exp.map(since_1970)
    }

    /// Returns the moment before which the token is not valid, as time since 1970: the later one of `iat` and `nbf`.
    pub(super) fn begins(&self) -> Option<Duration> {
        let (made, begins) = (self.iat.map(since_1970), self.nbf.map(since_1970));
        made.max(begins)
    }
}

/// Converts seconds since 1970 to a duration; a number that is out of range becomes the nearest duration.
fn since_1970(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
pub(in crate::kafka) fn unsigned(payload: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.c2lnbmF0dXJl",
        part("{\"alg\":\"none\"}"),
        part(payload)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_numbers_of_any_kind() {
        let claims = Claims::of(&unsigned(
            "{\"sub\":\"me\",\"exp\":1700000000.5,\"iat\":1699999000,\"nbf\":1699999001,\"aud\":[\"kafka\"]}",
        ));
        assert_eq!(claims.sub.as_deref(), Some("me"));
        assert_eq!(
            claims.expires(),
            Some(Duration::from_millis(1_700_000_000_500))
        );
        assert_eq!(claims.begins(), Some(Duration::from_secs(1_699_999_001)));
    }

    #[test]
    fn what_is_no_jwt_has_no_claims() {
        for token in ["", "opaque", "a.b.c", "a.e30", &unsigned("[]")] {
            assert_eq!(Claims::of(token), Claims::default(), "{token}");
        }
        let odd = Claims::of(&unsigned("{\"exp\":-5,\"iat\":1e300}"));
        assert_eq!(odd.expires(), Some(Duration::ZERO));
        assert_eq!(odd.begins(), Some(Duration::MAX));
    }
}
