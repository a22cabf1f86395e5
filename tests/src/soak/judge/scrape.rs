//! The judgement of one scrape, and of the text that it has.

use super::super::scrapes::Scrape;
use super::super::shown::{Shown, seconds};
use super::super::tally::Finding;
use super::super::truth::Window;
use super::values::Brokers;
use super::{Judge, LEADING, WELL, presence, values};
use crate::lab::{self, prom};

/// The number of findings of each kind that are said at once. More of them are in the report.
const AT_ONCE: u64 = 20;

/// The duty of a pod to show everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    Show,
    /// The pod does not lead, or has just begun to, or brokers are not well.
    Nothing,
}

// === impl Judge ===

impl Judge {
    /// Judges a scrape.
    pub(super) fn judge(&mut self, scrape: Scrape) {
        let pod = scrape.pod;
        let window = (scrape.sent, scrape.answered);
        if let Some(text) = &scrape.telemetry {
            self.telemetry((pod, window.0), text);
        }
        self.count_scrape(&scrape);
        self.readiness(&scrape);
        let must = self.duty(&scrape);
        match scrape.metrics {
            Ok(text) if !text.is_empty() => self.judge_text((pod, text), window, must),
            _ if must == Must::Show => {
                let what = format!("all series of pod {pod}, which leads");
                self.tell(Finding::Silence, window.0, [what]);
            }
            _ => {}
        }
    }

    fn count_scrape(&mut self, scrape: &Scrape) {
        let of_pod = &mut self.tally.scrapes[scrape.pod];
        of_pod.longest_ms = of_pod.longest_ms.max(scrape.answered - scrape.sent);
        match &scrape.metrics {
            Err(_) => of_pod.failed += 1,
            Ok(text) if text.is_empty() => of_pod.empty += 1,
            Ok(_) => {
                of_pod.series += 1;
                self.end_of_dark(scrape.answered);
            }
        }
    }

    /// Notes what the pod says about leadership; returns its duty.
    fn duty(&mut self, scrape: &Scrape) -> Must {
        let Scrape {
            pod,
            sent,
            answered,
            is_leader,
            ..
        } = *scrape;
        let led = matches!(self.said[pod], Some((true, since)) if since + LEADING <= sent);
        self.said[pod] = match (self.said[pod], is_leader) {
            (_, None) => None,
            (Some((before, since)), Some(leads)) if before == leads => Some((leads, since)),
            (_, Some(leads)) => Some((leads, sent)),
        };
        let well = self.was_well((sent.saturating_sub(WELL), answered));
        if led && is_leader == Some(true) && well {
            Must::Show
        } else {
            Must::Nothing
        }
    }

    /// Judges the text of a scrape.
    fn judge_text(&mut self, (pod, text): (usize, String), (sent, answered): Window, must: Must) {
        if self.texts[pod] == text {
            if must == Must::Show {
                self.freshness(pod, sent);
            }
            return;
        }
        let read = prom::parse(&text).and_then(|exposition| {
            let shown = Shown::of(&exposition, answered)?;
            Ok((exposition, shown))
        });
        self.texts[pod] = text;
        match read {
            Err(error) => self.tell(Finding::Wrong, sent, [format!("pod {pod}: {error:#}")]),
            Ok((exposition, None)) => {
                self.count(pod, &exposition);
                if must == Must::Show {
                    let what = format!("the data of pod {pod}, which leads");
                    self.tell(Finding::Silence, sent, [what]);
                }
            }
            Ok((exposition, Some(shown))) => {
                self.count(pod, &exposition);
                self.judge_values((pod, &shown), (sent, answered), must);
            }
        }
    }

    /// Judges the values of a collection.
    fn judge_values(
        &mut self,
        (pod, shown): (usize, &Shown),
        (sent, answered): Window,
        must: Must,
    ) {
        self.updated[pod] = shown.updated;
        let brokers = if self.was_well((shown.window.0.saturating_sub(WELL), answered)) {
            Brokers::Well
        } else {
            Brokers::Troubled
        };
        let findings = values::compare(&self.truth, shown, brokers);
        self.tally.n_collections += 1;
        self.tally.n_values += findings.n_values;
        self.tally.n_unjudged += findings.n_unjudged;
        let named = |what| format!("pod {pod}: {what}");
        self.tell(Finding::Wrong, sent, findings.wrong.into_iter().map(named));
        let (n_expected, missing) = presence::missing(&self.truth, shown);
        let missing = missing.into_iter().map(named);
        if must == Must::Show && brokers == Brokers::Well {
            self.tally.n_calm += 1;
            self.tally.n_expected += n_expected;
            self.tell(Finding::Silence, sent, missing);
            self.freshness(pod, sent);
        } else {
            self.tell(Finding::Excused, sent, missing);
        }
    }

    /// Counts findings of a scrape that was sent at `sent`, and says the first of them at once.
    pub(super) fn tell(
        &mut self,
        finding: Finding,
        sent: u64,
        what: impl IntoIterator<Item = String>,
    ) {
        let at = seconds(sent.saturating_sub(self.begun));
        for what in what {
            let words = format!("{at:.1} s, {what}");
            if self.tally.found(finding).n < AT_ONCE && finding != Finding::Excused {
                lab::say(format_args!("  {}: {words}", finding.label()));
            }
            self.tally.found(finding).add(words);
        }
    }
}
