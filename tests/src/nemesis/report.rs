//! The results of many schedules: the table of faults as Markdown, and all figures as JSON.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::fault::Family;
use super::recording::{Recording, Stretch};
use super::verdict::{Verdict, seconds};

/// A recording with its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The recording.
    pub recording: Recording,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// The figures of one program over many schedules. Times are microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// The number of schedules.
    pub n_schedules: usize,
    /// The number of schedules that fail.
    pub n_failures: usize,
    /// The number of schedules in which two pods acted at once.
    pub n_overlaps: usize,
    /// The time for which two pods acted at once, in all schedules together.
    pub overlap: u64,
    /// The longest time for which two pods acted at once in one schedule.
    pub worst_overlap: u64,
    /// The longest gap without a leader.
    pub worst_gap: u64,
    /// The counted time and the bound of the gap that came closest to its bound, or exceeded it most.
    pub tightest_gap: Option<(u64, u64)>,
    /// The number of times that another pod began to act.
    pub n_moves: usize,
    /// The number of requests to Kafka that were begun before a stop and sent after it.
    pub n_leftover: usize,
    /// The figures of each fault, by family and label.
    #[serde(serialize_with = "as_list")]
    pub faults: BTreeMap<(Family, String), OfFault>,
}

/// The figures of one kind of fault. A gap or an overlap belongs to every fault that was active in it, or had ended less than a
/// lease duration before.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct OfFault {
    /// The number of times that the fault was applied.
    pub n_trials: usize,
    /// The longest time in one schedule for which two pods acted at once.
    pub worst_overlap: u64,
    /// The longest gap without a leader.
    pub worst_gap: u64,
    /// The counted time and the bound of the gap that came closest to its bound, or exceeded it most.
    pub tightest_gap: Option<(u64, u64)>,
}

/// The results of the elector, and of the control if there is one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Results {
    /// The figures of the elector.
    pub elector: Figures,
    /// The figures of kube-lease-manager's own answer.
    pub control: Option<Figures>,
}

fn as_list<S: serde::Serializer>(
    faults: &BTreeMap<(Family, String), OfFault>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        faults
            .iter()
            .map(|((_, label), of_fault)| (label, of_fault)),
    )
}

// === impl Figures ===

impl Figures {
    /// Adds a recording with its verdict.
    pub fn add(&mut self, recording: &Recording, verdict: &Verdict) {
        let longest = |gap: std::time::Duration| u64::try_from(gap.as_micros()).unwrap_or(u64::MAX);
        self.n_schedules += 1;
        self.n_failures += usize::from(verdict.is_failure());
        self.n_overlaps += usize::from(verdict.overlap > 0);
        self.overlap += verdict.overlap;
        self.worst_overlap = self.worst_overlap.max(verdict.overlap);
        self.worst_gap = self.worst_gap.max(longest(verdict.longest_gap()));
        let tightest = verdict.tightest_gap().map(|gap| (gap.counted, gap.bound));
        self.tightest_gap = self
            .tightest_gap
            .into_iter()
            .chain(tightest)
            .max_by(by_share);
        self.n_moves += verdict.moves;
        self.n_leftover += verdict.leftover;
        let after = recording.schedule.lease_duration_secs * 1_000_000;
        for (fault, happened) in recording.schedule.faults.iter().zip(&recording.faults) {
            let Some((from, to)) = happened else {
                continue;
            };
            let key = (fault.kind.family(), fault.kind.label());
            let row = self.faults.entry(key).or_default();
            let concerns = |stretch: &Stretch| stretch.0 < to + after && *from < stretch.1;
            row.n_trials += 1;
            // An overlap of less than a millisecond has no stretch, and belongs to every fault.
            let overlap = match verdict.overlaps.as_slice() {
                [] => verdict.overlap,
                all => all
                    .iter()
                    .filter(|stretch| concerns(stretch))
                    .map(|(from, to)| to - from)
                    .sum(),
            };
            row.worst_overlap = row.worst_overlap.max(overlap);
            for gap in verdict.gaps.iter().filter(|gap| concerns(&gap.stretch)) {
                row.worst_gap = row.worst_gap.max(longest(gap.length()));
                let counted = (gap.counted > 0).then_some((gap.counted, gap.bound));
                row.tightest_gap = row.tightest_gap.into_iter().chain(counted).max_by(by_share);
            }
        }
    }

    fn n_faults(&self) -> usize {
        self.faults.values().map(|row| row.n_trials).sum()
    }
}

// === impl Results ===

impl Results {
    /// Returns the table of faults as Markdown, after a sentence that says how it was made.
    pub fn markdown(&self, command: &str) -> String {
        let all = &self.elector;
        let mut text = format!(
            "`{command}`: {} schedules with {} faults, {} moves of the leadership.",
            all.n_schedules,
            all.n_faults(),
            all.n_moves
        );
        text += "\n\n";
        text += "| fault | trials | two pods acted | nobody led | of that, some pod could have led, of the limit |";
        text += match self.control {
            Some(_) => {
                " kube-lease-manager alone: two pods acted | nobody led |\n|---|---|---|---|---|---|---|\n"
            }
            None => "\n|---|---|---|---|---|\n",
        };
        for ((family, label), row) in &all.faults {
            let of_control = self.control.as_ref().map(|control| {
                let row = control.faults.get(&(*family, label.clone()));
                let row = row.copied().unwrap_or_default();
                (row.worst_overlap, row.worst_gap)
            });
            write_row(&mut text, (label, row), of_control);
        }
        let of_control = self.control.as_ref();
        let of_control = of_control.map(|control| (control.worst_overlap, control.worst_gap));
        let row = OfFault {
            n_trials: all.n_faults(),
            worst_overlap: all.worst_overlap,
            worst_gap: all.worst_gap,
            tightest_gap: all.tightest_gap,
        };
        write_row(&mut text, ("all together", &row), of_control);
        if let Some(control) = &self.control {
            writeln!(
                text,
                "\nkube-lease-manager alone had two acting pods in {} of {} schedules, for {:.1} s in all, and failed {}.",
                control.n_overlaps,
                control.n_schedules,
                seconds(control.overlap),
                control.n_failures
            )
            .expect("a String takes any text");
        }
        text
    }
}

fn by_share(one: &(u64, u64), other: &(u64, u64)) -> Ordering {
    (u128::from(one.0) * u128::from(other.1)).cmp(&(u128::from(other.0) * u128::from(one.1)))
}

fn write_row(text: &mut String, (label, row): (&str, &OfFault), of_control: Option<(u64, u64)>) {
    let cells = |(overlap, gap): (u64, u64)| {
        format!(" {} ms | {:.1} s |", overlap.div_ceil(1000), seconds(gap))
    };
    let figures = cells((row.worst_overlap, row.worst_gap));
    let tightest = row.tightest_gap.map_or_else(
        || "none".to_owned(),
        |(counted, bound)| format!("{:.1} of {:.1} s", seconds(counted), seconds(bound)),
    );
    let of_control = of_control.map(cells).unwrap_or_default();
    let n_trials = row.n_trials;
    writeln!(
        text,
        "| {label} | {n_trials} |{figures} {tightest} |{of_control}"
    )
    .expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::super::fault::{FaultKind, Pods};
    use super::super::synthetic::{fault, recording};
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_fault_and_one_for_all() {
        let clock = FaultKind::Clock {
            pods: Pods::A,
            shift_secs: 5,
        };
        let refused = FaultKind::Path {
            pods: Pods::A,
            path_fault: super::super::fault::PathFault::Refused,
        };
        let faults = || {
            vec![
                fault(1000, 2000, clock.clone()),
                fault(18_000, 20_000, refused.clone()),
            ]
        };
        let good = recording(faults(), [&[(0, 20_000)], &[(24_000, 60_000)]]);
        let bad = recording(faults(), [&[(0, 24_000)], &[(20_000, 60_000)]]);
        let mut results = Results::default();
        results.elector.add(&good, &Verdict::of(&good));
        let control = results.control.get_or_insert_default();
        control.add(&bad, &Verdict::of(&bad));
        assert_eq!((control.n_failures, control.n_overlaps), (1, 1));
        let text = results.markdown("command");
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(rows.len(), 4, "{text}");
        assert!(
            rows[1].starts_with("| API refused | 1 | 0 ms | 4.0 s | 4.0 of 9.2 s | 39"),
            "{}",
            rows[1]
        );
        assert_eq!(
            rows[2],
            "| clock shifted | 1 | 0 ms | 0.0 s | none | 0 ms | 0.0 s |"
        );
        assert!(
            rows[3].starts_with("| all together | 2 | 0 ms | 4.0 s | 4.0 of 9.2 s | 39"),
            "{}",
            rows[3]
        );
        assert!(text.contains("in 1 of 1 schedules"), "{text}");
    }
}
