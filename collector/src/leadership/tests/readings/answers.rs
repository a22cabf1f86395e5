//! A generator of answers, correct ones and damaged ones, which gives the same sequence for the same seed.

use super::{REASONS, STATES};

/// Status and body of an answer.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) status: u16,
    pub(super) text: String,
}

/// An endless sequence of answers.
pub(super) struct Answers {
    /// The state of the random number generator `SplitMix64`.
    state: u64,
}

/// A field, its correct value, and other values.
type Field = (&'static str, &'static str, &'static [&'static str]);

const FLAGS: &[&str] = &["false", "false", "true", "null", "1", "\"true\"", "[true]"];
const NAMES: &[&str] = &[
    "\"pod-b\"",
    "\"\"",
    "\"pod-a\"",
    "\"pod\\u002da\"",
    "\"POD-A\"",
    "null",
    "7",
];
const TERMS: &[&str] = &[
    "0",
    "8",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "-1",
    "-0",
    "7.0",
    "1e3",
    "07",
    "\"7\"",
    "null",
];
const TIMES: &[&str] = &[
    "0",
    "1",
    "15000",
    "15001",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "4870.0",
    "\"4870\"",
    "null",
];

const CONTRACT: [Field; 7] = [
    ("is_leader", "true", FLAGS),
    ("identity", "\"pod-a\"", NAMES),
    ("name", "\"pod-a\"", NAMES),
    ("term", "7", TERMS),
    ("valid_for_ms", "4870", TIMES),
    ("state", "\"leading\"", &[]),
    ("reason", "\"renewed\"", &[]),
];

// === impl Answers ===

impl Answers {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next_number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap();
        usize::try_from(self.next_number() % n).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn value(&mut self, (name, right, others): Field) -> String {
        if !self.one_in(12) {
            return right.to_owned();
        }
        match name {
            "state" => self.word(&STATES),
            "reason" => self.word(&REASONS),
            _ => self.pick(others).to_owned(),
        }
    }

    fn word(&mut self, words: &[&str]) -> String {
        match self.below(12) {
            0 => "\"none of them\"".to_owned(),
            1 => "null".to_owned(),
            _ => format!("\"{}\"", self.pick(words)),
        }
    }

    /// Returns a key as it may be written: mostly as it is, at times in upper case or with an escaped letter.
    fn name(&mut self, name: &str) -> String {
        if self.one_in(60) {
            return format!("\"{}\"", name.to_uppercase());
        }
        if !self.one_in(15) {
            return format!("\"{name}\"");
        }
        let at = self.below(name.len());
        let code = name.as_bytes()[at];
        format!("\"{}\\u{code:04x}{}\"", &name[..at], &name[at + 1..])
    }

    fn field(&mut self, field: Field) -> String {
        let (name, value) = (self.name(field.0), self.value(field));
        let (before, after) = (self.space(), self.space());
        format!("{before}{name}{after}:{before}{value}{after}")
    }

    fn space(&mut self) -> &'static str {
        self.pick(&["", "", "", "", "", " ", "\n\t", "\r"])
    }

    /// Returns a field besides those of the contract, such as the text for people or an unknown field.
    fn extra(&mut self) -> String {
        let more = [
            "\"detail\":\"patch\"",
            "\"detail\":7",
            "\"detail\":null",
            "\"since\":1.5e3",
            "\"more\":{\"is_leader\":false,\"name\":\"pod-b\"}",
            "\"more\":[{\"a\":1},{\"a\":2}]",
            "\"more\":{\"a\":1,\"b\":{\"a\":1}}",
            "\"more\":{\"a\":1,\"\\u0061\":1}",
            "\"more\":[[{\"a\":{\"b\":1,\"b\":1}}]]",
            "\"\":\"\\\"\\\\\\/\\b\"",
        ];
        self.pick(&more).to_owned()
    }

    fn body(&mut self) -> String {
        let form: &[usize] = self.pick(&[
            &[0, 1, 2, 3, 4, 5, 6],
            &[0, 1, 2, 3, 4, 5, 6],
            &[0, 1, 2, 3, 4, 5, 6],
            &[6, 5, 4, 3, 2, 1, 0],
            &[0],
            &[0, 1],
            &[0, 2],
            &[2],
            &[2, 1],
        ]);
        let mut fields = Vec::new();
        for index in form {
            if !self.one_in(40) {
                fields.push(self.field(CONTRACT[*index]));
            }
        }
        for _ in 0..3 {
            if self.one_in(12) {
                // This field is mostly there already, so that its key is repeated.
                let again = self.pick(&CONTRACT[..7]);
                let (at, again) = (self.below(fields.len() + 1), self.field(again));
                fields.insert(at, again);
            }
        }
        if self.one_in(6) {
            let (at, extra) = (self.below(fields.len() + 1), self.extra());
            fields.insert(at, extra);
        }
        format!("{}{{{}}}{}", self.space(), fields.join(","), self.space())
    }

    /// Damages a text as a broken source might.
    fn damaged(&mut self, mut text: String) -> String {
        let at = self.below(text.len());
        match self.below(6) {
            0 => text.truncate(at),
            1 => {
                text.remove(at);
            }
            2 => text.insert(
                at,
                self.pick(&['"', '{', '}', ',', ':', '\\', '0', 'x', '\u{1}']),
            ),
            3 => text.push_str(self.pick(&["{}", "x", "\0", "null", "{\"is_leader\":false}"])),
            4 => text = format!("[{text}]"),
            _ => text.insert(0, '\u{feff}'),
        }
        text
    }
}

impl Iterator for Answers {
    type Item = Body;

    fn next(&mut self) -> Option<Body> {
        let status = match self.below(20) {
            0 => 503,
            1 => self.pick(&[204, 302, 404, 500]),
            _ => 200,
        };
        let mut text = self.body();
        if self.one_in(15) {
            text = self.damaged(text);
        }
        Some(Body { status, text })
    }
}
