//! The judgement of a token: how long it lives, and what is doubtful about it. No clock is read here, and there is no I/O.

use std::time::Duration;

use shared::config::{Mask, Secret};

use super::jwt::Claims;
use super::schedule::LONGEST_LIFE;
use super::trouble::{TokenTrouble, TokenTroubleKind};
use crate::kafka::native::Token;

/// The largest difference between two clocks that is not reported.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// A token that can be used, with its remaining life.
#[derive(Debug, PartialEq, Eq)]
pub struct Issued {
    pub(super) token: Token,
    /// The remaining life of the token, counted from the moment at which it was asked for.
    pub life: Duration,
    /// The trouble that makes the token or a clock doubtful, and does not keep the token from being used.
    pub doubt: Option<TokenTrouble>,
}

/// The facts about a token that are not in the token itself.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The place that the token comes from, as messages name it.
    pub place: &'a str,
    /// The life that the endpoint told in `expires_in`, or that the token was signed for; `None` for a file, or where the endpoint told
    /// none.
    pub told_life: Option<Duration>,
    /// The time since 1970 by this machine's clock.
    pub now: Duration,
    /// The time since 1970 by the endpoint's clock; `None` for a file, or where the endpoint did not tell it.
    pub endpoint_now: Option<Duration>,
    /// The mask that hides the cluster's secrets in messages.
    pub mask: &'a Mask,
}

// === impl Issued ===

impl Issued {
    /// Judges the token in `text`, around which white space is allowed.
    ///
    /// # Errors
    /// The token has characters that no token has, its life is not known, or it has expired.
    pub fn of(text: &str, circumstances: Circumstances<'_>) -> Result<Self, TokenTrouble> {
        let value = text.trim();
        let fails = |kind, words: &str| Err(circumstances.trouble(kind, words));
        // These are the characters of a b64token in RFC 6750. librdkafka would repeat a token with others in an error.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if value.is_empty() || !value.bytes().all(is_plain) {
            return fails(
                TokenTroubleKind::Unusable,
                "the token is empty or has characters that no token has",
            );
        }
        let claims = Claims::of(value);
        let doubt = circumstances.clock_doubt(&claims);
        let reference = circumstances.endpoint_now.unwrap_or(circumstances.now);
        let life = match (circumstances.told_life, claims.expires()) {
            (Some(life), _) => life,
            (None, Some(expires)) => expires.saturating_sub(reference),
            (None, None) => {
                return fails(
                    TokenTroubleKind::Unusable,
                    "the life of the token is not known: there is no expires_in, and it is no JWT with exp",
                );
            }
        };
        if life.is_zero() {
            let ago = claims
                .expires()
                .map_or(0, |expires| reference.saturating_sub(expires).as_secs());
            return fails(
                TokenTroubleKind::Expired,
                &format!("the token has expired {ago} s ago"),
            );
        }
        let principal = claims.sub.unwrap_or_default().replace('\0', "");
        Ok(Self {
            token: Token {
                value: Secret::new(value.to_owned()),
                principal,
            },
            life: life.min(LONGEST_LIFE),
            doubt,
        })
    }
}

// === impl Circumstances ===

impl Circumstances<'_> {
    fn trouble(&self, kind: TokenTroubleKind, words: &str) -> TokenTrouble {
        TokenTrouble::new(kind, &format!("{}: {words}", self.place), self.mask)
    }

    /// Returns the trouble that shows a difference between this machine's clock and the clock of whoever made the token.
    fn clock_doubt(&self, claims: &Claims) -> Option<TokenTrouble> {
        let now = self.now;
        let by = |later: Duration, earlier: Duration| later.saturating_sub(earlier).as_secs();
        let is_far = |later, earlier| by(later, earlier) > CLOCK_TOLERANCE.as_secs();
        let words = match (self.endpoint_now, claims.begins(), claims.expires()) {
            (Some(other), ..) if is_far(now, other) => {
                let by = by(now, other);
                format!("the clock of this machine is {by} s ahead of the endpoint's")
            }
            (Some(other), ..) if is_far(other, now) => {
                let by = by(other, now);
                format!("the clock of this machine is {by} s behind the endpoint's")
            }
            (_, Some(begins), _) if is_far(begins, now) => {
                let by = by(begins, now);
                format!("the token begins {by} s from now by the clock of this machine")
            }
            (_, _, Some(expires)) if self.told_life.is_some() && expires <= now => {
                let by = by(now, expires);
                format!("the new token has expired {by} s ago by the clock of this machine")
            }
            _ => return None,
        };
        Some(self.trouble(TokenTroubleKind::Clocks, &words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::oauth::jwt::unsigned;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn jwt(exp: i64, iat: i64) -> String {
        let at = |seconds| 1_700_000_000_i64 + seconds;
        unsigned(&format!(
            "{{\"sub\":\"me\",\"exp\":{},\"iat\":{}}}",
            at(exp),
            at(iat)
        ))
    }

    fn judge(
        token: &str,
        told: Option<u64>,
        endpoint: Option<i64>,
    ) -> Result<Issued, TokenTrouble> {
        Issued::of(
            token,
            Circumstances {
                place: "idp",
                told_life: told.map(Duration::from_secs),
                now: NOW,
                endpoint_now: endpoint
                    .map(|ahead| Duration::from_secs(NOW.as_secs().saturating_add_signed(ahead))),
                mask: &Mask::default(),
            },
        )
    }

    #[track_caller]
    fn used(issued: Result<Issued, TokenTrouble>, life: u64, doubt: Option<&str>) {
        let issued = issued.unwrap();
        assert_eq!(issued.life, Duration::from_secs(life));
        let text = issued.doubt.map(|doubt| {
            assert_eq!(doubt.kind, TokenTroubleKind::Clocks);
            doubt.text
        });
        match doubt {
            None => assert_eq!(text, None),
            Some(words) => assert!(text.as_deref().unwrap().contains(words), "{text:?}"),
        }
    }

    #[track_caller]
    fn refused(issued: Result<Issued, TokenTrouble>, kind: TokenTroubleKind, words: &str) {
        let trouble = issued.unwrap_err();
        assert_eq!(trouble.kind, kind);
        assert!(trouble.text.contains(words), "{trouble:?}");
        assert!(!trouble.text.contains("hunter2"), "{trouble:?}");
    }

    #[test]
    fn the_life_is_that_of_the_answer_or_else_of_the_token() {
        used(judge("opaque", Some(60), None), 60, None);
        used(judge(&jwt(300, 0), Some(60), None), 60, None);
        used(judge(&jwt(300, 0), None, None), 300, None);
        used(judge("opaque\n", Some(u64::MAX), None), 24 * 3600, None);
        let issued = judge(&jwt(300, 0), None, None).unwrap();
        assert_eq!(issued.token.principal, "me");
        assert!(!format!("{issued:?}").contains(issued.token.value.expose()));
    }

    #[test]
    fn a_token_that_is_over_or_that_no_broker_takes_is_not_used() {
        refused(
            judge(&jwt(-5, -300), None, None),
            TokenTroubleKind::Expired,
            "5 s ago",
        );
        refused(
            judge("opaque", Some(0), None),
            TokenTroubleKind::Expired,
            "expired",
        );
        refused(
            judge("opaque", None, None),
            TokenTroubleKind::Unusable,
            "expires_in",
        );
        for token in ["", " ", "hunter2 x", "hunter2\u{1}", "hunter2\u{e9}"] {
            refused(
                judge(token, Some(9), None),
                TokenTroubleKind::Unusable,
                "characters",
            );
        }
    }

    #[test]
    fn clocks_that_differ_are_noticed_and_the_token_is_used() {
        used(judge("t", Some(60), Some(-20)), 60, None);
        used(judge("t", Some(60), Some(-90)), 60, Some("90 s ahead"));
        used(judge("t", Some(60), Some(90)), 60, Some("90 s behind"));
        // The answer has no life, so it follows from `exp` and the endpoint's clock.
        used(judge(&jwt(90, 60), None, Some(60)), 30, Some("behind"));
        used(judge(&jwt(-30, -90), None, Some(-90)), 60, Some("ahead"));
        used(judge(&jwt(400, 100), None, None), 400, Some("begins 100 s"));
        used(
            judge(&jwt(-40, -100), Some(60), None),
            60,
            Some("expired 40 s"),
        );
    }
}
