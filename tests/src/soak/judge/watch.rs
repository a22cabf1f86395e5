//! What the judge sees beside values: brokers, readiness, freshness, counters, and the time without series.

use super::super::scrapes::Scrape;
use super::super::shown::seconds;
use super::super::tally::Finding;
use super::super::truth::Window;
use super::{FRESH, Judge, LEADING};
use crate::lab::prom::{self, Exposition};

/// The time without series, in seconds, that is noted. Scrapes are a second apart.
const DARK: f64 = 2.5;

// === impl Judge ===

impl Judge {
    /// Returns true if no broker was away within the window, and all replicas were in sync.
    pub(super) fn was_well(&self, (from, to): Window) -> bool {
        let away = self.away.iter();
        let mut away = away.filter(|(down, up)| *down <= to && up.is_none_or(|up| up >= from));
        away.next().is_none() && self.truth.were_whole((from, to))
    }

    /// Finds data that is too old.
    pub(super) fn freshness(&mut self, pod: usize, sent: u64) {
        let updated = (self.updated[pod] + 1) * 1000;
        if updated + FRESH < sent {
            let age = seconds(sent - updated);
            let what = format!("pod {pod}: newer data than of {age:.1} s ago");
            self.tell(Finding::Silence, sent, [what]);
        }
    }

    /// Finds a pod that has led for long and is not ready, or has stood by for long and is.
    pub(super) fn readiness(&mut self, scrape: &Scrape) {
        let Some((leads, since)) = self.said[scrape.pod] else {
            return;
        };
        let settled = scrape.is_leader == Some(leads) && since + LEADING <= scrape.sent;
        let expected = if leads { 200 } else { 503 };
        if settled && scrape.ready != Some(expected) {
            let (pod, ready) = (scrape.pod, scrape.ready);
            let what = format!("pod {pod}: /ready says {ready:?}, not {expected}");
            self.tell(Finding::Unready, scrape.sent, [what]);
        }
    }

    /// Ends a stretch without series.
    pub(super) fn end_of_dark(&mut self, answered: u64) {
        if let Some(last) = self.last_series.replace(answered) {
            let length = seconds(answered.saturating_sub(last));
            if length > DARK {
                let from = seconds(last.saturating_sub(self.begun));
                self.tally.dark.push((from, length));
            }
        }
    }

    /// Takes the collectors' own counters.
    pub(super) fn count(&mut self, pod: usize, exposition: &Exposition) {
        let errors = exposition.series("kafka_lag_exporter_errors_total");
        for (labels, value) in errors {
            let of = |name: &str| labels.get(name).map_or("", String::as_str);
            self.errors[pod].take(format!("{} {}", of("api"), of("reason")), value);
        }
        for (labels, value) in exposition.series("kafka_lag_exporter_collections_total") {
            let result = labels.get("result").cloned().unwrap_or_default();
            self.collections[pod].take(result, value);
        }
    }

    pub(super) fn telemetry(&mut self, (pod, sent): (usize, u64), text: &str) {
        let exposition = match prom::parse(text) {
            Ok(exposition) => exposition,
            Err(error) => {
                let what = format!("pod {pod}, /telemetry: {error:#}");
                return self.tell(Finding::Wrong, sent, [what]);
            }
        };
        for family in [
            "kafka_lag_exporter_log_lines_dropped_total",
            "kafka_lag_exporter_leader_transitions_total",
            "kafka_lag_exporter_leadership_polls_total",
        ] {
            for (labels, value) in exposition.series(family) {
                let words: Vec<_> = labels.values().map(String::as_str).collect();
                let name = format!("{family} {}", words.join(" "));
                self.telemetry[pod].take(name, value);
            }
        }
    }
}
