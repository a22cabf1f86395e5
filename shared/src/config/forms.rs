//! The forms that values of keys have: numbers, texts and lists.

mod lists;
mod numbers;
mod texts;

pub(crate) use lists::{Ignored, Patterns, TextTable};
pub(crate) use numbers::{Durations, Port, RETENTION, Seconds, TIMEOUT, WholeNumbers};
pub(crate) use texts::{BOOLEAN, Choice, Switch, Text};
