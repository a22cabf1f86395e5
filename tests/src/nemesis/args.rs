//! The command line of the nemesis.

use std::path::PathBuf;

use clap::{Parser, ValueEnum as _};

use super::fault::Family;

/// Disturbs two pods of elector and collector by random schedules of several faults at once, over a real API server, etcd and
/// three Kafka brokers, and judges what the pods did.
///
/// A schedule lasts 40 seconds, and has up to 14 faults; then a pod must lead again. Two pods must never act at the same time,
/// where acting means sending a request to Kafka or serving lag. No gap without a leader may be longer than the faults excuse; the
/// rule is in tests/src/nemesis/gap.rs. The n-th schedule is generated from the seed S + n alone, so each can be run again by its
/// seed, and from the file in which it is saved. The first schedule that fails is shrunk to the shortest that still fails.
///
/// The files written are report.md with the table of faults, summary.json, and for each schedule SEED.json with the schedule and
/// everything that was observed, and SEED.svg with a lane for each process. The exit status is 1 if a schedule failed, or if the
/// control passed all of them.
#[derive(Clone, Debug, Parser)]
#[command(name = "tests/run nemesis", bin_name = "tests/run nemesis")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags are words to whoever types them"
)]
pub struct Args {
    /// Begins schedules for so many minutes
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub minutes: u64,

    /// Seed of the first schedule
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Families of faults, separated by commas; all of them unless named
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    pub faults: Vec<Family>,

    /// Runs one schedule from a file, a schedule alone or SEED.json, instead of generating any
    #[arg(long, value_name = "FILE", conflicts_with = "faults")]
    pub replay: Option<PathBuf>,

    /// Runs nothing, and judges the recordings in a directory of results once more
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub rejudge: Option<PathBuf>,

    /// Runs every schedule with a second pair of pods too, in which kube-lease-manager's own answer takes the elector's place
    #[arg(long)]
    pub control: bool,

    /// Shrinks also the first schedule that the control fails
    #[arg(long, requires = "control")]
    pub shrink_control: bool,

    /// Minutes after which the shrinking of a schedule ends
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub shrink_minutes: u64,

    /// Directory for everything that is written; nemesis-S in the target directory unless named
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Writes the table of faults into elector/README.md too
    #[arg(long)]
    pub write_readme: bool,
}

// === impl Args ===

impl Args {
    /// Returns the families of faults, each of them once.
    pub fn families(&self) -> Vec<Family> {
        let all = Family::value_variants().iter();
        let asked = |family: &&Family| self.faults.is_empty() || self.faults.contains(family);
        all.filter(asked).copied().collect()
    }

    /// Returns the command that runs the same schedules again.
    pub(super) fn repeated_by(&self) -> String {
        if self.replay.is_some() {
            return "tests/run nemesis --replay FILE".to_owned();
        }
        let (minutes, seed) = (self.minutes, self.seed);
        let mut words = vec![format!(
            "tests/run nemesis --minutes {minutes} --seed {seed}"
        )];
        let families = self.faults.iter().filter_map(Family::to_possible_value);
        let families: Vec<_> = families.map(|value| value.get_name().to_owned()).collect();
        if !families.is_empty() {
            words.push(format!("--faults {}", families.join(",")));
        }
        words.extend(self.control.then(|| "--control".to_owned()));
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn families_are_named_by_a_list() {
        let args = Args::parse_from(["nemesis", "--faults", "servers,clocks,clocks"]);
        assert_eq!(args.families(), [Family::Clocks, Family::Servers]);
        assert_eq!(Args::parse_from(["nemesis"]).families().len(), 5);
    }

    #[test]
    fn the_command_is_told_as_it_was_given() {
        let words = "tests/run nemesis --minutes 3 --seed 7 --faults paths,clocks --control";
        let args = Args::parse_from(words.split(' ').skip(1));
        assert_eq!(args.repeated_by(), words);
    }
}
