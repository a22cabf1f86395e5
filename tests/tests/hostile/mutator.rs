//! Mutations of seeds, from a generator of random numbers with a fixed seed.

use fastrand::Rng;

/// The longest mutation, in bytes.
const MAX_BYTES: usize = 8192;

/// Pieces that readers of texts treat in a way of their own.
const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\n",
    b"\r",
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"#",
    b"${",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
];

/// A source of mutations of some seeds.
pub(crate) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    random: Rng,
}

// === impl Mutator ===

impl<'a> Mutator<'a> {
    /// Returns a source that gives the same mutations of the same seeds in each run.
    pub(crate) fn new(seeds: &'a [Vec<u8>]) -> Self {
        Self {
            seeds,
            random: Rng::with_seed(7),
        }
    }

    /// Returns the next mutation: a seed with up to six changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut case = self.seed().clone();
        for _ in 0..self.random.usize(1..=6) {
            self.change(&mut case);
        }
        case.truncate(MAX_BYTES);
        case
    }

    fn seed(&mut self) -> &'a Vec<u8> {
        &self.seeds[self.random.usize(..self.seeds.len())]
    }

    fn change(&mut self, case: &mut Vec<u8>) {
        let range = self.range(case);
        let replacement = match self.random.u8(..8) {
            0 => vec![self.random.u8(..)],
            1 | 2 => PIECES[self.random.usize(..PIECES.len())].to_vec(),
            3 => Vec::new(),
            4 => case[range.clone()].repeat(self.random.usize(2..9)),
            // A piece of the same case, or of another one.
            5 => case[self.range(case)].to_vec(),
            6 => {
                let other = self.seed();
                other[self.range(other)].to_vec()
            }
            _ => {
                let bit = 1 << self.random.u8(..8);
                case[range.clone()].iter().map(|byte| byte ^ bit).collect()
            }
        };
        // One half of the changes insert, the other half replace.
        let at = if self.random.bool() {
            range.start..range.start
        } else {
            range
        };
        case.splice(at, replacement);
    }

    /// Returns a range of `case`, mostly a short one.
    fn range(&mut self, case: &[u8]) -> std::ops::Range<usize> {
        let start = self.random.usize(..=case.len());
        let longest = if self.random.u8(..4) == 0 { 200 } else { 4 };
        let n_bytes = self.random.usize(..=longest);
        start..(start + n_bytes).min(case.len())
    }
}
