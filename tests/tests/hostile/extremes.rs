//! Large inputs of the readers, made of one piece again and again, are read in bounded time.
//!
//! Time is that of the CPU, so that other tests at the same time do not matter. The bound is ten times what a build without optimization
//! takes; a reader that takes quadratic time exceeds it.

use super::fuzz::TARGETS;

/// The longest time on the CPU for one input, in nanoseconds.
const LIMIT: u64 = 3_000_000_000;

/// The length of an input, in bytes.
const LENGTH: usize = 64 << 10;

/// Pieces of TOML.
const TOML: [&str; 19] = [
    "[a]\n",
    "[[clusters]]\n",
    "a = 1\n",
    "a.",
    "\"",
    "'''",
    "\\",
    "x = [",
    "{",
    "{a=",
    "${",
    "${A:-",
    "a = ${A}\n",
    "\"${A}",
    "#\n",
    "\n",
    "\r",
    "\u{feff}",
    "é = 1\n",
];

/// Pieces of YAML.
const YAML: [&str; 24] = [
    "- ",
    "? ",
    ": ",
    "[",
    "{",
    "{a: ",
    "&a ",
    "*a ",
    "&a [*a, *a]\n",
    "!!str ",
    "\"",
    "'",
    "| \n",
    "> \n  a\n",
    "a:\n",
    "  a:\n",
    "---\n",
    "...\n",
    "#\n",
    "\n",
    "\t",
    "%TAG ! a\n",
    "<<: *a\n",
    "basic_auth_users: {a: HASH}\n",
];

/// Pieces of JSON.
const JSON: [&str; 8] = [
    "[",
    "{\"a\":",
    "[0,",
    "\"",
    "\\u0000",
    "0",
    "-",
    "{\"a\":1,",
];

fn cpu_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Checks the property of `target` for `begin` and as many of each of the pieces as fit.
fn holds(target: &str, pieces: &[&str], begin: &str) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    for piece in pieces {
        let case = begin.to_owned() + &piece.repeat(LENGTH / piece.len());
        let before = cpu_time();
        check(case.as_bytes());
        let took = cpu_time() - before;
        assert!(took < LIMIT, "{target} {piece:?} takes {took} ns");
    }
}

#[test]
fn of_a_configuration_file() {
    holds("configuration", &TOML, "");
}

/// One key is as long as the file: it is named in short, and compared with none of the known keys.
#[test]
fn of_a_key() {
    let long = "x".repeat(LENGTH);
    let pieces = [format!("[{long}]"), format!("{long} = \"{long}\"\n")];
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    holds("configuration", &pieces, "[exporter]\n");
}

#[test]
fn of_a_web_configuration() {
    holds("web_configuration", &YAML, "-");
    holds("web_configuration", &YAML, "-a: &a [1]\nb: ");
}

#[test]
fn of_an_answer() {
    holds("leader_answer", &JSON, "2\u{1}\u{1}");
    holds("token_answer", &JSON, "2\u{1}");
    holds("lease_answers", &JSON, "g\u{1}2\u{1}");
}
