//! Scrapes of `/metrics`, by one or several scrapers at once, and their cost to the collector.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::record::Scrape;
use super::subject::Running;
use crate::lab::http::{self, Answer, Coding};

/// The time limit of one scrape.
const LIMIT: Duration = Duration::from_secs(120);
/// The time that the scrapes of one kind should take: CPU times have steps of 10 ms, so cheap scrapes are repeated.
const LENGTH: Duration = Duration::from_secs(1);
/// The most scrapes that one scraper makes.
const MOST: u32 = 100;

/// A kind of scrapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Load {
    /// True if gzip is accepted, as Prometheus does.
    pub gzip: bool,
    /// The number of scrapers at once.
    pub scrapers: u32,
}

/// The sum over the scrapes of one or several scrapers.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    n: u32,
    took: Duration,
    bytes: u64,
}

/// Scrapes once.
pub(super) fn one(port: u16) -> Result<Answer> {
    get(port, Coding::Gzip)
}

fn get(port: u16, coding: Coding) -> Result<Answer> {
    let answer = http::get(port, "/metrics", coding, LIMIT)?;
    ensure!(answer.status == 200, "/metrics says {}", answer.status);
    Ok(answer)
}

/// Scrapes `n` times, one scrape after the other.
fn repeat(port: u16, coding: Coding, n: u32) -> Result<Sum> {
    let mut sum = Sum::default();
    for _ in 0..n {
        let answer = get(port, coding)?;
        sum.n += 1;
        sum.took += answer.took;
        sum.bytes = answer.body.len().try_into()?;
    }
    Ok(sum)
}

// === impl Load ===

impl Load {
    /// The kinds that are measured.
    pub const ALL: [Self; 4] = [
        Self {
            gzip: true,
            scrapers: 1,
        },
        Self {
            gzip: false,
            scrapers: 1,
        },
        Self {
            gzip: true,
            scrapers: 4,
        },
        Self {
            gzip: false,
            scrapers: 4,
        },
    ];

    /// The time that [`Self::measure`] takes if one scrape takes `each`.
    pub(super) fn length(self, each: Duration) -> Duration {
        each * self.scrapers * (1 + self.times(each))
    }

    /// Scrapes while the collector does nothing else. `each` is the time that one scrape takes.
    pub(super) fn measure(self, running: &Running, each: Duration) -> Result<Scrape> {
        let coding = if self.gzip {
            Coding::Gzip
        } else {
            Coding::Plain
        };
        let (port, times) = (running.port(), self.times(each));
        let before = running.usage()?.cpu;
        let sums = thread::scope(|scope| {
            let scraper = |_| scope.spawn(move || repeat(port, coding, times));
            let scrapers: Vec<_> = (0..self.scrapers).map(scraper).collect();
            let sums = scrapers.into_iter().map(|scraper| {
                let joined = scraper.join().ok();
                joined.context("a scraper panicked").flatten()
            });
            sums.collect::<Result<Vec<_>>>()
        })?;
        let cpu = running.usage()?.cpu.saturating_sub(before);
        let n: u32 = sums.iter().map(|sum| sum.n).sum();
        let took: Duration = sums.iter().map(|sum| sum.took).sum();
        let bytes = sums.first().context("no scraper")?.bytes;
        Ok(Scrape {
            load: self,
            n,
            cpu_ms: ms(cpu) / f64::from(n),
            wall_ms: ms(took) / f64::from(n),
            bytes,
        })
    }

    /// The number of scrapes of each scraper.
    fn times(self, each: Duration) -> u32 {
        let fit = LENGTH.as_micros() / (each * self.scrapers).as_micros().max(1);
        u32::try_from(fit).unwrap_or(MOST).clamp(1, MOST)
    }
}

/// A duration in ms.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
