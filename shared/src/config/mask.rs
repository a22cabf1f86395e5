//! Masking of secrets in messages of librdkafka and of the HTTP client.
//!
//! librdkafka repeats the values of its properties in its messages: a whole value, the rest of a value from the place of a mistake on, or a
//! value that is cut off at the end of a buffer. So the values of properties that may not be shown are searched for in every message,
//! as they stand and with the encoding of URLs undone (`view`).

#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::properties;
use super::secret::Secret;

use self::view::{Spelling, View};

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
        for (name, value) in properties {
            let value = properties::secret_part(name, value.expose()).trim();
            mask.add(value);
            if properties::has_query(name) {
                let pairs = value.split('&').filter_map(|pair| pair.split_once('='));
                let values = pairs.map(|(_, value)| value);
                // Short words of a query, such as the number of a version, are everywhere.
                let values = values.filter(|value| value.len() >= FRAGMENT_BYTES);
                values.for_each(|value| mask.add(value));
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

    /// Masks `value`, also in base64, and where `value` itself is percent-encoded, without that encoding.
    fn add(&mut self, value: &str) {
        let decoded = view::decoded(value);
        let values = [value, decoded.as_str()];
        let n_values = if value == decoded { 1 } else { 2 };
        for value in values.into_iter().take(n_values) {
            match value.len() {
                0 => continue,
                1..FRAGMENT_BYTES => self.short_values.push(value.to_owned()),
                FRAGMENT_BYTES.. => self.values.push(value.to_owned()),
            }
            self.add_base64(value);
        }
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
        self.mark(&View::plain(text), &mut hidden);
        if text.contains('%') {
            self.mark(&View::decoded(text, Spelling::Percent), &mut hidden);
        }
        if text.contains('+') {
            self.mark(&View::decoded(text, Spelling::Form), &mut hidden);
        }
        masked(text, &hidden)
    }

    /// Marks the bytes of the original in which a secret stands.
    fn mark(&self, view: &View, hidden: &mut [bool]) {
        let text = view.text.as_str();
        let mut hide = |range: Range<usize>| hidden[view.original(range)].fill(true);
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
