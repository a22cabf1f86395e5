//! Properties of everything that reads bytes from outside, each a function of the bytes of one case.
//!
//! Every module has a function `check`, which panics if the property does not hold. libFuzzer calls it from the programs in `targets`,
//! guided by coverage; the tests in `tests/tests/hostile` call it with the seeds and with mutations of them, in a few seconds.
//!
//! A property says what must hold for any bytes: no panic, memory in proportion to the input, no message with a secret or with a
//! character that steers a terminal, and what the reader is for: a gate that is not opened, a listener that is not left open, a text
//! that reads back as it was meant. Where another reader of the same format is at hand, both have to agree.
//!
//! Time is bounded by libFuzzer's `-timeout`, and by the tests with the largest inputs.

pub mod case;
pub mod configuration;
pub mod exposition;
pub mod leader_answer;
pub mod leader_query;
pub mod lease_answers;
pub mod member_assignment;
pub mod token_answer;
pub mod web_configuration;

/// A name of a target, which is that of its program and of the folder of its seeds, with its property.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("configuration", configuration::check),
    ("exposition", exposition::check),
    ("leader_answer", leader_answer::check),
    ("leader_query", leader_query::check),
    ("lease_answers", lease_answers::check),
    ("member_assignment", member_assignment::check),
    ("token_answer", token_answer::check),
    ("web_configuration", web_configuration::check),
];
