//! The sums over all scrapes, as they are saved and reported.

use std::collections::BTreeMap;

use serde::Serialize;

/// The most findings of one kind that are kept in words.
const MOST: usize = 200;

/// Findings of one kind: their number, and the first of them in words.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Found {
    pub(super) n: u64,
    pub(super) first: Vec<String>,
}

/// Counters of a program that begin anew with each of its processes.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    last: BTreeMap<String, f64>,
    pub(super) sums: BTreeMap<String, f64>,
}

/// The sums over all scrapes.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Tally {
    /// The scrapes that had series, that were empty, and that failed, of each pod.
    pub(super) scrapes: [Scrapes; 2],
    /// The collections that were compared.
    pub(super) n_collections: u64,
    /// The values that were compared.
    pub(super) n_values: u64,
    /// The values that could not be compared with the truth, because it was changing.
    pub(super) n_unjudged: u64,
    /// The collections in which everything had to be shown, because the pod had led for long and all brokers were well.
    pub(super) n_calm: u64,
    /// The series that had to be there in those collections.
    pub(super) n_expected: u64,
    /// Wrong values.
    pub(super) wrong: Found,
    /// Series that had to be there and were not, while all was well.
    pub(super) silences: Found,
    /// Series that were missing while brokers were not well, or just after a pod had begun to lead.
    pub(super) excused: Found,
    /// Wrong answers of `/ready`.
    pub(super) unready: Found,
    /// Failed requests by API and reason, and collections by result, as the collectors count them.
    pub(super) errors: BTreeMap<String, f64>,
    pub(super) collections: BTreeMap<String, f64>,
    /// Lines of the log that were dropped, as `/telemetry` has it, and changes of leadership by direction and reason.
    pub(super) telemetry: BTreeMap<String, f64>,
    /// The steps of the load that failed and were tried again.
    pub(super) retries: BTreeMap<String, u64>,
    /// The stretches without series from any pod, as seen by scrapes: seconds after the beginning, and length.
    pub(super) dark: Vec<(f64, f64)>,
}

/// The scrapes of one pod, by what was answered.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Scrapes {
    pub(super) series: u64,
    pub(super) empty: u64,
    pub(super) failed: u64,
    /// The longest time of an answer, in milliseconds.
    pub(super) longest_ms: u64,
}

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// A value that cannot be.
    Wrong,
    /// A series that had to be there.
    Silence,
    /// A wrong answer of `/ready`.
    Unready,
    /// A series that was missing while that is excused.
    Excused,
}

// === impl Finding ===

impl Finding {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Wrong => "WRONG",
            Self::Silence => "MISSING",
            Self::Unready => "READINESS",
            Self::Excused => "excused",
        }
    }
}

// === impl Tally ===

impl Tally {
    /// Returns the number of scrapes of both pods.
    pub(super) fn n_scrapes(&self) -> u64 {
        let scrapes = self.scrapes.iter();
        scrapes.map(|of| of.series + of.empty + of.failed).sum()
    }

    /// Returns the longest time of an answer to a scrape, in milliseconds.
    pub(super) fn longest_ms(&self) -> u64 {
        let longest = self.scrapes.iter().map(|of| of.longest_ms);
        longest.max().unwrap_or_default()
    }

    /// Returns the findings of one kind.
    pub(super) fn found(&mut self, finding: Finding) -> &mut Found {
        match finding {
            Finding::Wrong => &mut self.wrong,
            Finding::Silence => &mut self.silences,
            Finding::Unready => &mut self.unready,
            Finding::Excused => &mut self.excused,
        }
    }
}

// === impl Found ===

impl Found {
    pub(super) fn add(&mut self, words: String) {
        self.n += 1;
        if self.first.len() < MOST {
            self.first.push(words);
        }
    }
}

// === impl Counters ===

impl Counters {
    /// Takes the value of a counter. One that is lower than before belongs to a new process.
    pub(super) fn take(&mut self, name: String, value: f64) {
        let before = self.last.insert(name.clone(), value).unwrap_or(0.0);
        let more = if value < before {
            value
        } else {
            value - before
        };
        *self.sums.entry(name).or_default() += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_on_after_a_restart() {
        let mut counters = Counters::default();
        for value in [2.0, 5.0, 1.0, 1.0, 4.0] {
            counters.take("a".to_owned(), value);
        }
        assert!((counters.sums["a"] - 9.0).abs() < 1e-9);
    }
}
