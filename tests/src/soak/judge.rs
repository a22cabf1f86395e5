//! The judge of scrapes: each collection that a pod shows is compared with the truth, on a thread of its own.
//!
//! A scrape is judged some seconds after it was answered, when the journal of the load has told what was true at its time.
//!
//! A series that is missing is a false silence if it had to be there: its topic and group have existed for long enough
//! ([`presence`]), its pod has led for [`LEADING`], no broker was away and all replicas were in sync for [`WELL`].

mod presence;
mod scrape;
mod values;
mod watch;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch::Sender;

use super::scrapes::{self, Scrape};
use super::tally::{Counters, Tally};
use super::truth::Truth;
use crate::lab;

/// The time for which a pod must have led until everything has to be shown, in milliseconds.
const LEADING: u64 = 10_000;
/// The time for which brokers and replicas must have been well until everything has to be shown, in milliseconds.
const WELL: u64 = 15_000;
/// The age up to which shown data is fresh, in milliseconds, while all is well. A collection begins every five seconds, and may take
/// as long.
const FRESH: u64 = 15_000;
/// The time after which a scrape is judged, in milliseconds.
const LATER: u64 = 5_000;
/// The pause of the judge when no scrape comes.
const PAUSE: Duration = Duration::from_millis(500);

/// Something that the judge has to know.
#[derive(Debug)]
pub(super) enum Message {
    /// A pod was scraped.
    Scrape(Scrape),
    /// A broker is about to end, at this time.
    Down(u64),
    /// The broker listens again, since this time.
    Up(u64),
}

/// The figures that others look at while the soak runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glance {
    pub(super) n_scrapes: u64,
    pub(super) n_values: u64,
    pub(super) wrong: u64,
    pub(super) silences: u64,
    /// The time since which all replicas are in sync, in milliseconds since 1970.
    pub(super) whole_since: Option<u64>,
}

/// The judge, with everything that was said so far.
pub(super) struct Judge {
    journal: BufReader<File>,
    /// The last line of the journal, as far as it was written.
    line: String,
    truth: Truth,
    tally: Tally,
    begun: u64,
    /// The scrapes that are yet to be judged, in order.
    waiting: VecDeque<Scrape>,
    /// The stretches in which a broker was away; the last one may have no end.
    away: Vec<(u64, Option<u64>)>,
    /// The time since which each pod has said that it leads, or that it does not.
    said: [Option<(bool, u64)>; 2],
    /// The last text of each pod, which is not compared twice.
    texts: [String; 2],
    /// The time of the data that each pod showed last, in whole seconds since 1970.
    updated: [u64; 2],
    errors: [Counters; 2],
    collections: [Counters; 2],
    telemetry: [Counters; 2],
    /// The time of the last answer with series.
    last_series: Option<u64>,
    glance: Sender<Glance>,
}

// === impl Judge ===

impl Judge {
    /// Opens the journal. `glance` receives the figures.
    pub(super) fn open(journal: &Path, glance: Sender<Glance>) -> Result<Self> {
        let file = File::open(journal).with_context(|| journal.display().to_string())?;
        Ok(Self {
            journal: BufReader::new(file),
            line: String::new(),
            truth: Truth::default(),
            tally: Tally::default(),
            begun: scrapes::now(),
            waiting: VecDeque::new(),
            away: Vec::new(),
            said: [None; 2],
            texts: [String::new(), String::new()],
            updated: [0; 2],
            errors: Default::default(),
            collections: Default::default(),
            telemetry: Default::default(),
            last_series: None,
            glance,
        })
    }

    /// Judges until nobody sends any more; returns the sums.
    ///
    /// # Errors
    /// The load is broken.
    pub(super) fn run(mut self, messages: &Receiver<Message>) -> Result<Tally> {
        loop {
            let ended = match messages.recv_timeout(PAUSE) {
                Ok(Message::Scrape(scrape)) => {
                    self.waiting.push_back(scrape);
                    false
                }
                Ok(Message::Down(at)) => {
                    self.away.push((at, None));
                    false
                }
                Ok(Message::Up(at)) => {
                    if let Some((_, to)) = self.away.last_mut() {
                        *to = Some(at);
                    }
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if ended {
                lab::pause(Duration::from_millis(LATER + 500));
            }
            self.read()?;
            self.judge_due();
            self.publish();
            if ended {
                return Ok(self.finish());
            }
        }
    }

    /// Reads what the load has printed meanwhile.
    fn read(&mut self) -> Result<()> {
        while self.journal.read_line(&mut self.line)? > 0 {
            if self.line.ends_with('\n') {
                self.truth.take(self.line.trim_end())?;
                self.line.clear();
            }
        }
        Ok(())
    }

    fn judge_due(&mut self) {
        let until = scrapes::now().saturating_sub(LATER);
        let n_due = self
            .waiting
            .partition_point(|scrape| scrape.answered <= until);
        let due: Vec<_> = self.waiting.drain(..n_due).collect();
        for scrape in due {
            self.judge(scrape);
        }
    }

    fn publish(&self) {
        self.glance.send_replace(Glance {
            n_scrapes: self.tally.n_scrapes(),
            n_values: self.tally.n_values,
            wrong: self.tally.wrong.n,
            silences: self.tally.silences.n,
            whole_since: self.truth.whole_since(),
        });
    }

    fn finish(mut self) -> Tally {
        for (counters, sums) in [
            (&self.errors, &mut self.tally.errors),
            (&self.collections, &mut self.tally.collections),
            (&self.telemetry, &mut self.tally.telemetry),
        ] {
            for (name, value) in counters.iter().flat_map(|counters| &counters.sums) {
                *sums.entry(name.clone()).or_default() += value;
            }
        }
        self.tally.retries = self.truth.retries;
        self.tally
    }
}

#[cfg(test)]
mod tests;
