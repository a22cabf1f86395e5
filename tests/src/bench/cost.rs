//! The costs that are compared, and their medians.

use super::record::Figures;
use super::scrapes::Load;

/// One figure of a measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// The words in a report.
    pub(super) name: &'static str,
    unit: Unit,
    of: fn(&Figures) -> Vec<f64>,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Milliseconds,
    Bytes,
    Number,
}

/// The medians of both collectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// This project's collector.
    pub(super) ours: Option<f64>,
    /// klag-exporter.
    pub(super) klag: Option<f64>,
}

/// The CPU time of a collection.
pub(super) const CPU: Cost = cost("CPU of a collection", Unit::Milliseconds, |f| {
    vec![f.cpu_ms]
});
/// The duration of a collection.
pub(super) const WALL: Cost = cost("duration of a collection", Unit::Milliseconds, |f| {
    f.wall_ms.clone()
});
/// The highest memory.
pub(super) const PEAK: Cost = cost("highest memory, scrapes included", Unit::Bytes, |f| {
    vec![bytes(f.rss_peak_scraped)]
});
/// The CPU time of a scrape as Prometheus makes it.
pub(super) const SCRAPE: Cost = cost("CPU of a scrape, gzip", Unit::Milliseconds, |f| {
    scrape(f, Load::ALL[0], Part::Cpu)
});
/// The size of a scrape as Prometheus makes it.
pub(super) const SIZE: Cost = cost("bytes of a scrape, gzip", Unit::Bytes, |f| {
    scrape(f, Load::ALL[0], Part::Bytes)
});
/// Wrong values.
pub(super) const WRONG: Cost = cost("wrong values", Unit::Number, |f| vec![number(f.wrong)]);

/// All costs, in the order of a report.
pub(super) const COSTS: [Cost; 23] = [
    CPU,
    WALL,
    cost("requests of a collection", Unit::Number, |f| {
        let all = (!f.requests.is_empty()).then(|| f.requests.values().sum());
        all.into_iter().collect()
    }),
    cost("time to the first data", Unit::Milliseconds, |f| {
        vec![f.first_data_ms]
    }),
    cost("memory after a collection", Unit::Bytes, |f| {
        vec![bytes(f.rss)]
    }),
    cost("highest memory before scrapes", Unit::Bytes, |f| {
        vec![bytes(f.rss_peak)]
    }),
    PEAK,
    cost("threads", Unit::Number, |f| vec![number(f.threads)]),
    cost("connections to brokers", Unit::Number, |f| {
        vec![number(f.connections)]
    }),
    SCRAPE,
    cost("duration of a scrape, gzip", Unit::Milliseconds, |f| {
        scrape(f, Load::ALL[0], Part::Wall)
    }),
    SIZE,
    cost("CPU of a scrape, plain", Unit::Milliseconds, |f| {
        scrape(f, Load::ALL[1], Part::Cpu)
    }),
    cost("duration of a scrape, plain", Unit::Milliseconds, |f| {
        scrape(f, Load::ALL[1], Part::Wall)
    }),
    cost("bytes of a scrape, plain", Unit::Bytes, |f| {
        scrape(f, Load::ALL[1], Part::Bytes)
    }),
    cost(
        "CPU of a scrape, gzip, 4 at once",
        Unit::Milliseconds,
        |f| scrape(f, Load::ALL[2], Part::Cpu),
    ),
    cost(
        "duration of a scrape, gzip, 4 at once",
        Unit::Milliseconds,
        |f| scrape(f, Load::ALL[2], Part::Wall),
    ),
    cost(
        "CPU of a scrape, plain, 4 at once",
        Unit::Milliseconds,
        |f| scrape(f, Load::ALL[3], Part::Cpu),
    ),
    cost(
        "duration of a scrape, plain, 4 at once",
        Unit::Milliseconds,
        |f| scrape(f, Load::ALL[3], Part::Wall),
    ),
    cost("series", Unit::Number, |f| vec![number(f.series)]),
    cost("values compared", Unit::Number, |f| vec![number(f.checked)]),
    WRONG,
    cost("missing values", Unit::Number, |f| vec![number(f.missing)]),
];

/// A part of the cost of a scrape.
#[derive(Clone, Copy, Debug)]
enum Part {
    Cpu,
    Wall,
    Bytes,
}

const fn cost(name: &'static str, unit: Unit, of: fn(&Figures) -> Vec<f64>) -> Cost {
    Cost { name, unit, of }
}

fn scrape(figures: &Figures, load: Load, part: Part) -> Vec<f64> {
    let of_load = figures.scrapes.iter().filter(|scrape| scrape.load == load);
    let each = of_load.map(|scrape| match part {
        Part::Cpu => scrape.cpu_ms,
        Part::Wall => scrape.wall_ms,
        Part::Bytes => bytes(scrape.bytes),
    });
    each.collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes are far below 2^52"
)]
fn number(n: u64) -> f64 {
    n as f64
}

fn bytes(n: u64) -> f64 {
    number(n)
}

/// The median; the mean of the middle two if there are as many above as below.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len().is_multiple_of(2) {
        Some(f64::midpoint(values[middle - 1], upper))
    } else {
        Some(upper)
    }
}

// === impl Cost ===

impl Cost {
    /// The median over all rounds.
    pub(super) fn median(&self, rounds: &[&Figures]) -> Option<f64> {
        median(
            rounds
                .iter()
                .flat_map(|figures| (self.of)(figures))
                .collect(),
        )
    }

    /// The value in words, with its unit.
    pub(super) fn words(&self, value: Option<f64>) -> String {
        let Some(value) = value else {
            return "-".to_owned();
        };
        match self.unit {
            Unit::Milliseconds if value >= 10_000.0 => format!("{:.1} s", value / 1e3),
            Unit::Milliseconds if value >= 100.0 => format!("{value:.0} ms"),
            Unit::Milliseconds => format!("{value:.1} ms"),
            Unit::Bytes if value >= 1e7 => format!("{:.0} MB", value / 1e6),
            Unit::Bytes => format!("{:.2} MB", value / 1e6),
            Unit::Number => format!("{value:.0}"),
        }
    }
}

// === impl Pair ===

impl Pair {
    /// The number of times that klag-exporter's cost is ours.
    pub(super) fn ratio(self) -> Option<f64> {
        let (ours, klag) = (self.ours?, self.klag?);
        (ours > 0.0).then(|| klag / ours)
    }

    /// The ratio in words.
    pub(super) fn ratio_words(self) -> String {
        match self.ratio() {
            None => "-".to_owned(),
            Some(ratio) if ratio >= 10.0 => format!("{ratio:.0}x"),
            Some(ratio) => format!("{ratio:.1}x"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn values_have_their_units() {
        let of = |cost: Cost, value| cost.words(Some(value));
        assert_eq!(of(CPU, 4_378.2), "4378 ms");
        assert_eq!(of(CPU, 45_000.0), "45.0 s");
        assert_eq!(of(SCRAPE, 1.84), "1.8 ms");
        assert_eq!(of(PEAK, 31_400_000.0), "31 MB");
        assert_eq!(of(SIZE, 750_000.0), "0.75 MB");
        assert_eq!(of(WRONG, 0.0), "0");
    }

    #[test]
    fn a_ratio_needs_both() {
        let pair = |ours, klag| Pair { ours, klag };
        assert_eq!(pair(Some(2.0), Some(9.0)).ratio_words(), "4.5x");
        assert_eq!(pair(Some(2.0), Some(90.0)).ratio_words(), "45x");
        assert_eq!(pair(Some(2.0), None).ratio_words(), "-");
        assert_eq!(pair(Some(0.0), Some(1.0)).ratio_words(), "-");
    }
}
