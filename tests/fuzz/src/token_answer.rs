//! Answers of a token endpoint, and files with a token.
//!
//! The first byte of a case is the status, and `f` stands for a file; the second one is the endpoint's clock. The rest is the body, in
//! which `SECRET` stands for the client's secret and `TOKEN` for a token. The property: a token has a life that is above zero and at most a
//! day, messages are short and on one line, and no message has the client's secret, or the token of an answer that grants one.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use collector::kafka::oauth::answer::{self, MAX_BYTES};
use collector::kafka::oauth::token::{Circumstances, Issued};
use collector::kafka::oauth::trouble::TokenTrouble;
use shared::config::{Mask, Secret};

use super::case::{Case, SECRET, assert_one_line, within};

/// A token, as it is planted.
const TOKEN: &str = "tk-7vQ0zXkWbJ";

/// The time since 1970 by this machine's clock.
const NOW: Duration = Duration::from_secs(1_700_000_000);

/// The longest message: that of `shared::text::sanitize`, whose last character may be escaped.
const MAX_MESSAGE: usize = 270;

static MASK: LazyLock<Mask> = LazyLock::new(|| {
    let secret = |text: &str| Secret::new(text.to_owned());
    let properties = [
        ("sasl.oauthbearer.client.id", "cid"),
        ("sasl.oauthbearer.client.secret", SECRET),
    ];
    let named = properties.map(|(name, value)| (name.to_owned(), secret(value)));
    Mask::of(&BTreeMap::from(named))
});

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let mut case = Case::new(bytes);
    let status = case.byte();
    let ahead = case.byte();
    let endpoint_now = (ahead > 0).then(|| NOW + Duration::from_secs(u64::from(ahead)) * 60);
    let body = planted(case.rest());
    if status == b'f' {
        let text = String::from_utf8_lossy(&body);
        let file = circumstances(None, None);
        return judge(&text, file);
    }
    let status = match status {
        b'2' => 200,
        b'4' => 401,
        b'5' => 503,
        other => 100 + 2 * u16::from(other),
    };
    let is_grant = (200..300).contains(&status);
    let limit = 64 * body.len().min(MAX_BYTES) + 8192;
    match within(limit, || answer::read(status, &body)) {
        Ok(read) => {
            assert!(is_grant);
            judge(&read.token, circumstances(read.life, endpoint_now));
        }
        Err((kind, words)) => {
            let trouble = TokenTrouble::new(kind, &words, &MASK);
            check_trouble(&trouble);
            assert!(!is_grant || !trouble.text.contains(TOKEN), "{trouble}");
        }
    }
}

/// Returns `body` with the markers replaced.
fn planted(body: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(text) => {
            let text = text.replace("SECRET", SECRET).replace("TOKEN", TOKEN);
            text.into_bytes()
        }
        Err(_) => body.to_owned(),
    }
}

fn circumstances(
    told_life: Option<Duration>,
    endpoint_now: Option<Duration>,
) -> Circumstances<'static> {
    Circumstances {
        place: "https://idp.example/token",
        told_life,
        now: NOW,
        endpoint_now,
        mask: &MASK,
    }
}

fn judge(text: &str, circumstances: Circumstances<'_>) {
    match Issued::of(text, circumstances) {
        Ok(issued) => {
            assert!(!issued.life.is_zero());
            assert!(issued.life <= Duration::from_secs(24 * 3600));
            assert!(!format!("{issued:?}").contains(TOKEN));
            if let Some(doubt) = issued.doubt {
                check_trouble(&doubt);
                assert!(!doubt.text.contains(TOKEN), "{doubt}");
            }
        }
        Err(trouble) => {
            check_trouble(&trouble);
            assert!(!trouble.text.contains(TOKEN), "{trouble}");
        }
    }
}

fn check_trouble(trouble: &TokenTrouble) {
    let text = trouble.to_string();
    assert_one_line(&text, MAX_MESSAGE);
    assert!(!text.contains(SECRET), "{text}");
    assert!(!trouble.kind.advice().is_empty());
}
