//! The command line of the benchmark, and the cells that it selects.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use self::lists::Lists;
use super::cell::{Cell, Granularity, Servers, TimeLag};

mod lists;

/// Measures this project's collector and klag-exporter before the same servers, in turn, and compares medians.
///
/// By default ten cells: 1,000 groups with 20 commits each on 20,000 partitions of the stand-in, series of partitions, time
/// lag by rate; and those that differ from it in one respect: 100 or 10,000 groups, 1,000 or 100,000 partitions, 5 or 100
/// commits, series of topics only, time lag off or by reading records. Each cell takes at most --minutes, and has at least
/// one round. Lists take their product instead: --groups 100,1000 --partitions 1000,20000 are four cells.
///
/// Figures are written after every measurement. Those of cells that are not measured again stay, so that several calls make
/// one report.
#[derive(Clone, Debug, Parser)]
#[command(name = "tests/run bench", bin_name = "tests/run bench")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags are words to whoever types them"
)]
pub struct Args {
    /// One cell, 1,000 groups on 20,000 partitions, and two rounds: about three minutes
    #[arg(long)]
    pub quick: bool,

    /// The product of 100, 1,000 and 10,000 groups, 1,000, 20,000 and 100,000 partitions, both granularities, and time
    /// lag off, by rate and by message: 54 cells, at most nine hours
    #[arg(long, conflicts_with = "quick")]
    pub full: bool,

    /// Apache Kafka instead of the stand-in: three brokers, 3,000 partitions, 1,000 groups x 20, time lag by rate and by
    /// message unless lists say otherwise. Kafka counts no requests. Needs a JDK and Maven
    #[arg(long, conflicts_with = "full")]
    pub kafka: bool,

    /// Numbers of groups
    #[arg(long, value_name = "N,..", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub groups: Vec<u32>,

    /// Numbers of partitions of the cluster, up to 100 or in hundreds
    #[arg(long, value_name = "N,..", value_delimiter = ',', value_parser = partitions)]
    pub partitions: Vec<u32>,

    /// Numbers of partitions on which each group has committed
    #[arg(long, value_name = "N,..", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub commits: Vec<u32>,

    /// Granularities
    #[arg(long, value_name = "WORD,..", value_delimiter = ',')]
    pub granularity: Vec<Granularity>,

    /// Ways to find time lag
    #[arg(long, value_name = "WORD,..", value_delimiter = ',')]
    pub time_lag: Vec<TimeLag>,

    /// Rounds of each cell, in each of which both collectors are started anew
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// Minutes after which a cell gets no further round
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub minutes: u64,

    /// Seconds within which a first collection must end; what does not is told as such, and not measured
    #[arg(long, value_name = "N", default_value_t = 180)]
    pub limit: u64,

    /// Measures only one of the two
    #[arg(long, value_name = "WHICH")]
    pub only: Option<super::Subject>,

    /// The directory for the report (bench.md), raw figures (bench.json) and plots (*.svg); the default is `bench` in
    /// Cargo's target directory
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Measures nothing: writes the report and the plots from the raw figures in the directory
    #[arg(long)]
    pub report: bool,

    /// Keeps report, raw figures and plots in tests/measured too, from which README.md has its table
    #[arg(long)]
    pub keep: bool,

    /// klag-exporter's program, which tests/run names
    #[arg(long, env = "KLAG_EXPORTER", value_name = "FILE", hide = true)]
    pub klag_exporter: Option<PathBuf>,
}

fn partitions(text: &str) -> Result<u32, String> {
    let n: u32 = text.parse().map_err(|error| format!("{error}"))?;
    let fits = (1..=100).contains(&n) || (n.is_multiple_of(100) && n <= 1_000_000);
    fits.then_some(n)
        .ok_or_else(|| "write at most 100, or hundreds up to 1000000".to_owned())
}

// === impl Args ===

impl Args {
    /// The cells that are to be measured, each once.
    pub fn cells(&self) -> Vec<Cell> {
        let base = self.base();
        let own = self.lists();
        if self.quick {
            return vec![base];
        }
        if self.full {
            return own.or(&Lists::full()).product(base);
        }
        if !own.is_empty() {
            return own.product(base);
        }
        if self.kafka {
            let time_lag = [TimeLag::Rate, TimeLag::Message];
            return time_lag.map(|time_lag| Cell { time_lag, ..base }).into();
        }
        Lists::star().one_at_a_time(base)
    }

    /// The number of rounds of each cell.
    pub fn rounds(&self) -> u32 {
        if self.quick { 2 } else { self.rounds }
    }

    /// The number of collections that are measured in each process after the first one.
    pub(super) fn n_collections(&self) -> u32 {
        if self.quick { 2 } else { 4 }
    }

    /// The time after which a cell gets no further round.
    pub(super) fn budget(&self) -> Duration {
        Duration::from_secs(60 * self.minutes)
    }

    /// The time within which a first collection must end.
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }

    fn base(&self) -> Cell {
        if self.kafka {
            Cell {
                servers: Servers::Kafka,
                partitions: 3_000,
                ..Cell::BASE
            }
        } else {
            Cell::BASE
        }
    }

    fn lists(&self) -> Lists {
        Lists {
            groups: self.groups.clone(),
            partitions: self.partitions.clone(),
            commits: self.commits.clone(),
            granularity: self.granularity.clone(),
            time_lag: self.time_lag.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn cells(words: &[&str]) -> Vec<Cell> {
        let words = ["bench"].iter().chain(words);
        Args::try_parse_from(words).unwrap().cells()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_select_as_many_cells_as_the_help_says() {
        let count = |words: &[&str]| cells(words).len();
        assert_eq!(count(&[]), 10);
        assert_eq!(count(&["--quick"]), 1);
        assert_eq!(count(&["--full"]), 54);
        assert_eq!(count(&["--kafka"]), 2);
        assert_eq!(
            count(&["--groups", "100,1000", "--partitions", "1000,20000"]),
            4
        );
        assert_eq!(count(&["--kafka", "--time-lag", "off"]), 1);
        assert_eq!(count(&["--full", "--time-lag", "off"]), 18);
    }

    #[test]
    fn partitions_that_are_no_whole_topics_are_refused() {
        assert!(Args::try_parse_from(["bench", "--partitions", "1050"]).is_err());
    }
}
