//! Answers that are held until they would be news.

use std::time::Duration;

use prometheus::IntCounterVec;
use shared::leadership::Query;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Answer;
use crate::leadership::{Asker, Gist, Machine};

/// How many are held. Whoever comes after is answered at once.
const MOST: usize = 64;

/// Those who wait, and what the own consumer was told last.
#[derive(Debug)]
pub(super) struct Held {
    waiting: Vec<Waiting>,
    /// Which process of the consumer, and what.
    told: Option<(String, Gist)>,
    longest: Duration,
    answers: IntCounterVec,
}

#[derive(Debug)]
struct Waiting {
    asker: Asker,
    /// What would be no news; `None` where everything is.
    known: Option<Gist>,
    until: Instant,
    reply: oneshot::Sender<Answer>,
}

// === impl Held ===

impl Held {
    pub(super) const fn new(longest: Duration, answers: IntCounterVec) -> Self {
        Self {
            waiting: Vec::new(),
            told: None,
            longest,
            answers,
        }
    }

    /// Takes a question. It is answered by [`Held::answer_due`].
    pub(super) fn take(
        &mut self,
        machine: &mut Machine,
        query: Option<&Query>,
        reply: oneshot::Sender<Answer>,
        now: Instant,
    ) {
        let asker = machine.hear(query, now);
        let wait = query.map_or(0, |query| query.wait_ms);
        let wait = if self.waiting.len() < MOST {
            Duration::from_millis(wait).min(self.longest)
        } else {
            Duration::ZERO
        };
        let known = match &asker {
            // A change between two polls is told at once.
            Asker::Own { instance, .. } => self.told_to(instance),
            Asker::Other => Some(machine.gist(&asker, now)),
        };
        self.waiting.push(Waiting {
            asker,
            known,
            until: now + wait,
            reply,
        });
    }

    /// Answers those whose answer is news, or whose time is up.
    pub(super) fn answer_due(&mut self, machine: &mut Machine, now: Instant) {
        for waiting in std::mem::take(&mut self.waiting) {
            let gist = machine.gist(&waiting.asker, now);
            let stays = now < waiting.until
                && waiting.known.as_ref() == Some(&gist)
                && !machine.is_superseded(&waiting.asker);
            if stays {
                self.waiting.push(waiting);
            } else {
                self.answer(machine, waiting, gist, now);
            }
        }
    }

    /// Answers everybody, and holds nothing from now on.
    pub(super) fn close(&mut self, machine: &mut Machine, now: Instant) {
        self.longest = Duration::ZERO;
        for waiting in std::mem::take(&mut self.waiting) {
            let gist = machine.gist(&waiting.asker, now);
            self.answer(machine, waiting, gist, now);
        }
    }

    /// When the next one's time is up.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    fn told_to(&self, instance: &str) -> Option<Gist> {
        let (told, gist) = self.told.as_ref()?;
        (told == instance).then(|| gist.clone())
    }

    fn answer(&mut self, machine: &mut Machine, waiting: Waiting, gist: Gist, now: Instant) {
        // Nobody would read a grant, and it would have to be waited for.
        if waiting.reply.is_closed() {
            self.count("abandoned");
            return;
        }
        let report = machine.answer(&waiting.asker, now);
        if let Asker::Own { instance, .. } = waiting.asker {
            self.told = Some((instance, gist));
        }
        self.count(if report.is_leader { "granted" } else { "told" });
        // Whoever leaves at this very moment has been granted all the same.
        let trouble = machine.standing().trouble.as_ref();
        let detail = trouble.map(|trouble| trouble.detail.clone());
        waiting.reply.send(Answer { report, detail }).ok();
    }

    fn count(&self, result: &str) {
        self.answers.with_label_values(&[result]).inc();
    }
}
