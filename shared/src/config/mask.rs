//! Masking of secrets in messages of librdkafka.
//!
//! librdkafka repeats the values of its properties in its messages: a whole value, the rest of a value from the place of a mistake on, or a
//! value that is cut off at the end of a buffer. So the values of properties that may not be shown are searched for in every message.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::properties;
use super::secret::Secret;

/// The text that replaces a secret in a message.
const MASK: &str = "***";

/// The length in bytes from which on a part of a secret is masked. Shorter parts give nothing away, and would be found everywhere.
const FRAGMENT_BYTES: usize = 4;

/// The properties with the name and the secret of a client at a token endpoint, by both of librdkafka's names.
const CLIENT_LOGINS: [[&str; 2]; 2] = [
    [
        "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.client.secret",
    ],
    [
        "sasl.oauthbearer.client.credentials.client.id",
        "sasl.oauthbearer.client.credentials.client.secret",
    ],
];

/// The secrets among a cluster's properties, which [`Mask::hide`] replaces in texts.
#[derive(Clone, Default)]
pub struct Mask {
    /// Values that are masked wherever they stand in a text.
    values: Vec<String>,
    /// Values shorter than [`FRAGMENT_BYTES`], which are masked only where they stand alone.
    short_values: Vec<String>,
    /// All parts of [`FRAGMENT_BYTES`] bytes of values that librdkafka splits. Each part is masked wherever it stands in a
    /// text.
    fragments: HashSet<[u8; FRAGMENT_BYTES]>,
}

// === impl Mask ===

impl Mask {
    /// Returns the mask for the values of all `properties` that may not be shown.
    pub fn of(properties: &BTreeMap<String, Secret>) -> Self {
        let mut mask = Self::default();
        let secrets = properties
            .iter()
            .filter(|(name, _)| !properties::is_public(name));
        for (name, value) in secrets {
            let value = value.expose().trim();
            match value.len() {
                0 => {}
                1..FRAGMENT_BYTES => mask.short_values.push(value.to_owned()),
                FRAGMENT_BYTES.. => mask.values.push(value.to_owned()),
            }
            if !value.is_empty() {
                mask.add_base64(value);
            }
            if properties::is_split(name) {
                // The BEGIN and END marks of a PEM text are no secrets.
                let parts = value.split("-----");
                let bodies =
                    parts.filter(|it| !it.starts_with("BEGIN ") && !it.starts_with("END "));
                let words = bodies.flat_map(str::split_whitespace);
                words.for_each(|word| mask.add_fragments(word));
            }
        }
        // The header with which a client logs in at a token endpoint, which the endpoint may repeat in its error.
        for names in CLIENT_LOGINS {
            if let [Some(id), Some(secret)] = names.map(|name| properties.get(name)) {
                mask.add_base64(&format!("{}:{}", id.expose(), secret.expose()));
            }
        }
        mask
    }

    /// Masks `value` in base64, with padding and without.
    fn add_base64(&mut self, value: &str) {
        let encoded = STANDARD_NO_PAD.encode(value);
        if encoded.len() >= FRAGMENT_BYTES {
            self.values.push(encoded);
        }
    }

    /// Returns `text` with each secret replaced by `***`, also where the end of `text` cuts a secret off.
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = vec![false; text.len()];
        let mut hide = |range: Range<usize>| hidden[range].fill(true);
        for value in &self.values {
            for (start, _) in text.match_indices(value.as_str()) {
                hide(start..start + value.len());
            }
            let cut = (FRAGMENT_BYTES..value.len()).rev().find(|&n| {
                let begin = value.as_bytes().get(..n);
                begin.is_some_and(|begin| text.as_bytes().ends_with(begin))
            });
            if let Some(n) = cut {
                hide(text.len() - n..text.len());
            }
        }
        for value in &self.short_values {
            for (start, _) in text.match_indices(value.as_str()) {
                let end = start + value.len();
                if stands_alone(text, start..end) {
                    hide(start..end);
                }
            }
        }
        for (start, window) in text.as_bytes().windows(FRAGMENT_BYTES).enumerate() {
            if self.fragments.contains(window) {
                hide(start..start + FRAGMENT_BYTES);
            }
        }
        masked(text, &hidden)
    }

    /// Adds one word of a value that librdkafka splits: the part behind `=`, or all of it.
    fn add_fragments(&mut self, word: &str) {
        let secret = word.split_once('=').map_or(word, |(_, secret)| secret);
        match secret.len() {
            0 => {}
            1..FRAGMENT_BYTES => self.short_values.push(secret.to_owned()),
            FRAGMENT_BYTES.. => {
                let fragments = secret.as_bytes().windows(FRAGMENT_BYTES);
                self.fragments.extend(
                    fragments
                        .filter_map(|fragment| <[u8; FRAGMENT_BYTES]>::try_from(fragment).ok()),
                );
            }
        }
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

/// Returns true where the text at `range` is no part of a word or of an address.
fn stands_alone(text: &str, range: Range<usize>) -> bool {
    let apart = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | '/' | ':');
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    before.is_none_or(apart) && after.is_none_or(apart)
}

/// Returns `text` with one [`MASK`] for each run of hidden bytes.
fn masked(text: &str, hidden: &[bool]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = false;
    for (start, c) in text.char_indices() {
        let now = hidden[start..start + c.len_utf8()].contains(&true);
        match (before, now) {
            (false, true) => out.push_str(MASK),
            (true, true) => {}
            (_, false) => out.push(c),
        }
        before = now;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(properties: &[(&str, &str)]) -> Mask {
        let secret = |value: &str| Secret::new(value.to_owned());
        let named = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), secret(value)));
        Mask::of(&named.collect())
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_and_nothing_else_is() {
        let mask = mask(&[
            ("sasl.password", "hunter2"),
            ("sasl.mechanism", "PLAIN"),
            ("ssl.ca.location", "/etc/ca.pem"),
        ]);
        let text = "PLAIN: xhunter2y, hunter2 and /etc/ca.pem";
        assert_eq!(mask.hide(text), "PLAIN: x***y, *** and /etc/ca.pem");
    }

    #[test]
    fn a_short_value_is_masked_where_it_stands_alone() {
        let mask = mask(&[("sasl.password", "x1"), ("statistics.interval.ms", "0")]);
        let text = "host:0: value \"0\" of x1, x10 refused";
        assert_eq!(mask.hide(text), "host:0: value \"***\" of ***, x10 refused");
    }

    #[test]
    fn parts_of_a_value_that_librdkafka_splits_are_masked() {
        let mask = mask(&[(
            "sasl.oauthbearer.config",
            "principal=admin pasword=hunter2 S3CRETTOKEN lifeSeconds=36x00",
        )]);
        for (text, masked) in [
            (
                "Unrecognized sasl.oauthbearer.config beginning at: S3CRETTOKEN lifeSeconds=36x00",
                "Unrecognized sasl.oauthbearer.config beginning at: *** lifeSeconds=***",
            ),
            ("beginning at: pasword=hunt", "beginning at: pasword=***"),
            (
                "non-integral 'lifeSeconds=': 36x00",
                "non-integral 'lifeSeconds=': ***",
            ),
            ("empty 'principal='", "empty 'principal='"),
        ] {
            assert_eq!(mask.hide(text), masked);
        }
    }

    #[test]
    fn a_secret_that_is_cut_off_at_the_end_is_masked() {
        let mask = mask(&[("sasl.password", "correct horse")]);
        assert_eq!(mask.hide("refused: correct ho"), "refused: ***");
        assert_eq!(mask.hide("refused: corr"), "refused: ***");
    }

    #[test]
    fn lines_of_a_key_are_masked_and_the_words_around_it_are_not() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n";
        let mask = mask(&[("ssl.key.pem", key)]);
        let text = "ssl.key.pem: bad base64 near QIBADAN in a PRIVATE KEY";
        assert_eq!(
            mask.hide(text),
            "ssl.key.pem: bad base64 near *** in a PRIVATE KEY"
        );
    }

    /// A token endpoint may repeat the header that it was sent: `Basic`, then name and secret in base64.
    #[test]
    fn a_login_at_a_token_endpoint_is_masked_in_base64_too() {
        let mask = mask(&[
            ("sasl.oauthbearer.client.id", "cid"),
            ("sasl.oauthbearer.client.secret", "S3cretClientPw!"),
        ]);
        let text = "bad header Basic Y2lkOlMzY3JldENsaWVudFB3IQ== here";
        assert_eq!(mask.hide(text), "bad header Basic ***== here");
    }

    #[test]
    fn letters_of_several_bytes_are_masked_whole() {
        let mask = mask(&[("sasl.password", "pässwörd")]);
        assert_eq!(mask.hide("näh: pässwörd ö"), "näh: *** ö");
        assert_eq!(format!("{mask:?}"), "Mask { .. }");
    }
}
