//! Long polls: an answer waits until it would say something new, or until the asker's time is up.
//!
//! A consumer asks over and over, one request at a time. With each request it names the time for which it is willing to wait
//! (`wait_ms`). The answer is held back as long as it would only repeat what this process of the consumer was answered last;
//! as soon as the state, the leader, the term or the permission changes, it is sent. So a consumer learns of a change at once,
//! and asks only a few times per second while nothing changes.
//!
//! The rules:
//! - A report is computed from the clock when the answer is sent, never when the request arrives. A grant therefore counts from
//!   the moment of sending, and the time that an answer waited makes no grant longer than the claim allows.
//! - A change between two requests of the own consumer counts too: the comparison is with its last answer. For other askers the
//!   comparison is with the state at the arrival of the request.
//! - An answer that a later request of the same process supersedes is sent at once, without a grant. The process that asked has given that request up, so the answer closes nothing.
//! - A grant is noted before its answer is sent. Where the asker has closed its connection, nothing is granted, because such
//!   a grant would have to be waited for although nobody can use it.
//! - At most [`MAX_WAITING`] answers are held at a time. Requests beyond that number are answered at once.
//!
//! This promises no delivery. An answer may be lost after it was sent, and its grant is waited for all the same.

use std::time::Duration;

use prometheus::IntCounterVec;
use shared::leadership::Query;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::answer::LeaderAnswer;
use crate::leadership::{AnswerKey, Asker, StateMachine};

/// The largest number of answers that are held at a time.
const MAX_WAITING: usize = 64;

/// The requests that wait for an answer, and the last answer that the own consumer was given.
#[derive(Debug)]
pub(super) struct LongPolls {
    waiting: Vec<WaitingPoll>,
    /// The consumer's process that was answered last, and the key of that answer.
    last_answer: Option<(String, AnswerKey)>,
    /// The longest time that an answer is held, whatever the asker allows.
    max_wait: Duration,
    /// The counter of answers, by their result.
    answers: IntCounterVec,
}

/// One request about the leader that waits for its answer.
#[derive(Debug)]
struct WaitingPoll {
    asker: Asker,
    /// The key of the answer that would tell this asker nothing new; `None` if every answer is new to the asker.
    known: Option<AnswerKey>,
    /// The moment at which the request is answered at the latest.
    until: Instant,
    reply: oneshot::Sender<LeaderAnswer>,
}

// === impl LongPolls ===

impl LongPolls {
    pub(super) const fn new(max_wait: Duration, answers: IntCounterVec) -> Self {
        Self {
            waiting: Vec::new(),
            last_answer: None,
            max_wait,
            answers,
        }
    }

    /// Adds a request. The next call of [`LongPolls::answer_due`] answers the request if it need not wait.
    pub(super) fn add(
        &mut self,
        machine: &mut StateMachine,
        query: Option<&Query>,
        reply: oneshot::Sender<LeaderAnswer>,
        now: Instant,
    ) {
        let asker = machine.receive_poll(query, now);
        let wait = query.map_or(0, |query| query.wait_ms);
        let wait = if self.waiting.len() < MAX_WAITING {
            Duration::from_millis(wait).min(self.max_wait)
        } else {
            Duration::ZERO
        };
        let known = match &asker {
            // A poll of the own consumer is compared with the consumer's last answer, so that a change between two polls is
            // told at once.
            Asker::Own { instance, .. } => self.last_answer_to(instance),
            Asker::Other => Some(machine.answer_key(&asker, now)),
        };
        self.waiting.push(WaitingPoll {
            asker,
            known,
            until: now + wait,
            reply,
        });
    }

    /// Answers the requests whose answer has something new to say, or whose time is up.
    pub(super) fn answer_due(&mut self, machine: &mut StateMachine, now: Instant) {
        for waiting in std::mem::take(&mut self.waiting) {
            let key = machine.answer_key(&waiting.asker, now);
            let stays = now < waiting.until
                && waiting.known.as_ref() == Some(&key)
                && !machine.is_superseded(&waiting.asker);
            if stays {
                self.waiting.push(waiting);
            } else {
                self.answer(machine, waiting, key, now);
            }
        }
    }

    /// Answers every request, and holds no answer from now on.
    pub(super) fn close(&mut self, machine: &mut StateMachine, now: Instant) {
        self.max_wait = Duration::ZERO;
        for waiting in std::mem::take(&mut self.waiting) {
            let key = machine.answer_key(&waiting.asker, now);
            self.answer(machine, waiting, key, now);
        }
    }

    /// Returns the moment at which the next request must be answered, if one waits.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    fn last_answer_to(&self, instance: &str) -> Option<AnswerKey> {
        let (answered, key) = self.last_answer.as_ref()?;
        (answered == instance).then(|| key.clone())
    }

    fn answer(
        &mut self,
        machine: &mut StateMachine,
        waiting: WaitingPoll,
        key: AnswerKey,
        now: Instant,
    ) {
        // The process that asked has closed its connection, so it would never read this grant, and yet a release would have to wait
        // for the grant's end.
        if waiting.reply.is_closed() {
            self.count("abandoned");
            return;
        }
        let report = machine.answer(&waiting.asker, now);
        if let Asker::Own { instance, .. } = waiting.asker {
            self.last_answer = Some((instance, key));
        }
        self.count(if report.is_leader {
            "granted"
        } else {
            "not_granted"
        });
        let problem = machine.lease_status().problem.as_ref();
        let detail = problem.map(|problem| problem.detail.clone());
        // An asker that leaves between the check above and this line has been granted nevertheless.
        waiting.reply.send(LeaderAnswer { report, detail }).ok();
    }

    fn count(&self, result: &str) {
        self.answers.with_label_values(&[result]).inc();
    }
}
