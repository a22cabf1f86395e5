//! The task that compares passwords.
//!
//! bcrypt takes CPU time on purpose: 50 ms for a hash with a cost of 10. An attacker must not be able to use up the CPU by sending
//! passwords, so:
//!
//! - An attempt whose result is known (`verdicts`) is answered at once.
//! - Passwords are compared one after the other, on a blocking thread, never on the event loop. After a wrong password the task rests for
//!   [`REST`] times the duration of the comparison, so that wrong passwords use at most a fifth of one core.
//! - The number of waiting attempts is bounded (`waiting_room`), and an attempt whose client has gone is not compared.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::verdicts::{Attempt, Verdict, Verdicts};
use super::waiting_room::WaitingRoom;

#[cfg(test)]
mod tests;

/// The length of the rest after a wrong password, as a multiple of the duration of the comparison.
const REST: u32 = 4;

/// The capacity of the channel to the task: one question for each connection that a listener can have.
const QUESTIONS: usize = 256;

/// The answer about an attempt to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The user exists, and the password is right.
    Accepted,
    /// The user does not exist, or the password is wrong.
    Rejected,
    /// Too many passwords wait to be compared, or the task has ended.
    Busy,
}

/// The sending end of the channel to the task that compares passwords.
#[derive(Clone, Debug)]
pub(super) struct PasswordChecker {
    questions: mpsc::Sender<Question>,
}

/// The task that compares passwords.
#[derive(Debug)]
pub(super) struct Authenticator {
    questions: mpsc::Receiver<Question>,
    verdicts: Verdicts,
    waiting: WaitingRoom<Question>,
    work: Work,
}

#[derive(Debug)]
struct Question {
    attempt: Arc<Attempt>,
    peer: IpAddr,
    reply: oneshot::Sender<Answer>,
}

/// The present work of the task, which goes on while questions arrive.
#[derive(Debug)]
enum Work {
    /// No attempt waits to be compared.
    Idle,
    /// The password of this question is being compared, since this instant.
    Comparing(Question, Instant, JoinHandle<Verdict>),
    /// The last password was wrong, and the next comparison begins after this instant.
    Resting(Instant),
}

enum AuthenticatorEvent {
    Shutdown,
    Asked(Question),
    /// The work has ended. The verdict is that of a comparison; `None` after a rest.
    WorkEnded(Option<Verdict>),
}

/// Makes the task, and the sending end of the channel to it.
pub(super) fn authenticator() -> (PasswordChecker, Authenticator) {
    let (sender, questions) = mpsc::channel(QUESTIONS);
    let authenticator = Authenticator {
        questions,
        verdicts: Verdicts::new(),
        waiting: WaitingRoom::new(),
        work: Work::Idle,
    };
    (PasswordChecker { questions: sender }, authenticator)
}

// === impl PasswordChecker ===

impl PasswordChecker {
    /// Asks the task about an attempt from `peer`, and waits for the answer. The answer is [`Answer::Busy`] if the task has ended.
    pub(super) async fn check(&self, attempt: Attempt, peer: IpAddr) -> Answer {
        let (reply, answer) = oneshot::channel();
        let question = Question {
            attempt: Arc::new(attempt),
            peer,
            reply,
        };
        if self.questions.send(question).await.is_err() {
            return Answer::Busy;
        }
        answer.await.unwrap_or(Answer::Busy)
    }
}

// === impl Authenticator ===

impl Authenticator {
    /// Answers questions until `shutdown`.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            match self.next_event(&shutdown).await {
                AuthenticatorEvent::Shutdown => return,
                AuthenticatorEvent::Asked(question) => self.ask(question),
                AuthenticatorEvent::WorkEnded(verdict) => self.end_work(verdict, Instant::now()),
            }
            if matches!(self.work, Work::Idle) {
                self.begin_next();
            }
        }
    }

    async fn next_event(&mut self, shutdown: &CancellationToken) -> AuthenticatorEvent {
        tokio::select! { biased;
        () = shutdown.cancelled() => AuthenticatorEvent::Shutdown,
        verdict = work_ended(&mut self.work) => AuthenticatorEvent::WorkEnded(verdict),
        question = self.questions.recv() => match question {
            Some(question) => AuthenticatorEvent::Asked(question),
            None => AuthenticatorEvent::Shutdown,
        } }
    }

    /// Answers a question whose result is known, and lets any other wait.
    fn ask(&mut self, question: Question) {
        if let Some(verdict) = self.verdicts.get(&question.attempt) {
            question.answer(verdict.into());
            return;
        }
        let peer = question.peer;
        if let Err(turned_away) = self.waiting.enter(peer, question) {
            turned_away.answer(Answer::Busy);
        }
    }

    /// Begins to compare the first waiting attempt whose client still waits and whose result is not known.
    fn begin_next(&mut self) {
        while let Some(question) = self.waiting.next() {
            if question.reply.is_closed() {
                continue;
            }
            // The same attempt may have been compared while this one waited.
            if let Some(verdict) = self.verdicts.get(&question.attempt) {
                question.answer(verdict.into());
                continue;
            }
            let attempt = Arc::clone(&question.attempt);
            let comparison = spawn_blocking(move || attempt.compare());
            self.work = Work::Comparing(question, Instant::now(), comparison);
            return;
        }
    }

    fn end_work(&mut self, verdict: Option<Verdict>, now: Instant) {
        let work = std::mem::replace(&mut self.work, Work::Idle);
        let (Work::Comparing(question, began, _), Some(verdict)) = (work, verdict) else {
            return;
        };
        self.verdicts.keep(&question.attempt, verdict);
        if verdict == Verdict::Rejected {
            self.work = Work::Resting(now + rest(now.duration_since(began)));
        }
        question.answer(verdict.into());
    }
}

/// Waits until the work has ended, for ever if there is none. Dropping the future loses nothing.
async fn work_ended(work: &mut Work) -> Option<Verdict> {
    match work {
        Work::Idle => std::future::pending().await,
        // A panic in the comparison is a bug. The attempt is rejected then.
        Work::Comparing(_, _, comparison) => Some(comparison.await.unwrap_or(Verdict::Rejected)),
        Work::Resting(until) => {
            tokio::time::sleep_until(*until).await;
            None
        }
    }
}

fn rest(took: Duration) -> Duration {
    took * REST
}

// === impl Question ===

impl Question {
    fn answer(self, answer: Answer) {
        // Sending fails if the client has gone.
        self.reply.send(answer).ok();
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Self::Accepted,
            Verdict::Rejected => Self::Rejected,
        }
    }
}
