//! Asks the source over and over, and decides by what it says.
//!
//! One question is in flight at a time. The gate stands open to no longer than an answer permits, whatever becomes of the next
//! question, and the word that goes with each question is looked up when it is asked.

use std::time::Duration;

use prometheus::IntCounterVec;
use shared::config::Election;
use shared::leadership::{Query, ReportedGate};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::answer::{Answer, Unusable};
use super::judge::{Ending, Judge, Times, Verdict};
use super::keeper::{Gatekeeper, Opened};
use super::pace::{EVERY, Pace};
use super::poll::{Asker, BadSource, instance};
use super::standing::{Outlook, Standing, TARGET};
use crate::gate::{Reason, Until};

/// How long clients may take to be gone after the gate has closed before this process counts as one that could not collect.
const CLOSING: Duration = Duration::from_secs(5);

/// How long the next question waits for the clients, so that it can say at once that they are gone.
const SETTLING: Duration = Duration::from_millis(20);

/// How long the end of the process waits for the clients, so that the last word can promise that they are gone.
const LAST_CLOSING: Duration = Duration::from_millis(900);

/// How long the last word may take.
const LAST_WORD: Duration = Duration::from_millis(250);

/// A source that is asked.
#[derive(Debug)]
pub struct Polled {
    asker: Asker,
    judge: Judge,
    standing: Standing,
    polls: IntCounterVec,
    pace: Pace,
    /// What identifies this process; the rest of it changes from question to question.
    query: Query,
    source: String,
}

/// What ends the waiting for an answer.
enum Event {
    Shutdown,
    /// What the question said of the gate can be mended.
    News,
    Heard(Result<Answer, Unusable>),
}

/// Whether there is a next question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Question,
    End,
}

// === impl Polled ===

impl Polled {
    /// Asks as `election` says, and counts in `polls` by the label `result`. Returns what others see of the source, too.
    ///
    /// # Errors
    /// An address that cannot be asked.
    pub fn new(
        election: &Election,
        polls: IntCounterVec,
        now: Instant,
    ) -> Result<(Self, watch::Receiver<Outlook>), BadSource> {
        let (standing, outlook) = Standing::new(now);
        let polled = Self {
            asker: Asker::new(&election.url)?,
            judge: Judge::new(election),
            standing,
            polls,
            pace: Pace::new(now),
            query: Query {
                consumer: election.identity.clone(),
                instance: instance(),
                seq: 0,
                healthy: true,
                gate: ReportedGate::Closed,
                wait_ms: u64::try_from(EVERY.as_millis()).unwrap_or_default(),
            },
            source: election.url.to_string(),
        };
        Ok((polled, outlook))
    }

    /// Asks until `shutdown`; closes the gate then, and says so.
    pub async fn run(mut self, mut keeper: Gatekeeper, shutdown: CancellationToken) {
        info!(
            target: TARGET,
            source = self.source,
            identity = self.query.consumer,
            "Asking for leadership"
        );
        while self.question(&mut keeper, &shutdown).await == Next::Question {}
        keeper.close(Reason::ShuttingDown, Instant::now());
        self.last_word(&keeper).await;
    }

    async fn question(&mut self, keeper: &mut Gatekeeper, shutdown: &CancellationToken) -> Next {
        let due = self.pace.next(Instant::now());
        let waited = shutdown.run_until_cancelled(tokio::time::sleep_until(due));
        if keeper.beside(waited).await.is_none() {
            return Next::End;
        }
        self.settle(keeper).await;
        self.prepare(keeper);
        let asked_at = Instant::now();
        self.pace.asked(asked_at);
        match self.event(keeper, shutdown).await {
            Event::Shutdown => return Next::End,
            Event::News => self.count(Ending::Abandoned),
            Event::Heard(heard) => {
                let now = Instant::now();
                self.weigh(heard, Times { asked_at, now }, keeper);
            }
        }
        Next::Question
    }

    /// Waits a moment where the gate has just closed. Once the moment is over, the word to come says what is.
    async fn settle(&self, keeper: &Gatekeeper) {
        if keeper.closing_since(Instant::now()).is_some() {
            let mut promise = keeper.promise();
            tokio::time::timeout(SETTLING, promise.kept()).await.ok();
        }
    }

    /// Writes the next question.
    fn prepare(&mut self, keeper: &Gatekeeper) {
        let now = Instant::now();
        let wedged = keeper
            .closing_since(now)
            .is_some_and(|since| now.duration_since(since) >= CLOSING);
        self.query.seq += 1;
        self.query.healthy = !wedged;
        self.query.gate = keeper.word();
    }

    async fn event(&self, keeper: &mut Gatekeeper, shutdown: &CancellationToken) -> Event {
        let asked = self.asker.ask(Some(&self.query), self.pace.patience());
        let mut promise = keeper.promise();
        let said_open = self.query.gate == ReportedGate::Open;
        let event = async {
            tokio::select! { biased;
            () = shutdown.cancelled() => Event::Shutdown,
            () = promise.kept(), if said_open => Event::News,
            heard = asked => Event::Heard(heard) }
        };
        keeper.beside(event).await
    }

    fn weigh(&mut self, heard: Result<Answer, Unusable>, times: Times, keeper: &mut Gatekeeper) {
        let answer = match heard {
            Ok(answer) => answer,
            Err(unusable) => return self.weigh_unusable(&unusable, times.now, keeper),
        };
        self.pace.in_time();
        let (verdict, mut ending) = self.judge.judge(&answer, times, keeper.gate());
        match verdict {
            Verdict::Leave => {}
            Verdict::Close(reason) => keeper.close(reason, times.now),
            Verdict::Open { until, term } => match keeper.open(Until::At(until), term, times.now) {
                Opened::Held => {
                    debug!(target: TARGET, "Leads, but the clients of the last time are not gone yet");
                }
                Opened::HeldOff => ending = Ending::HeldOff,
                Opened::Yes | Opened::Late => {}
            },
        }
        match self.judge.contradiction(&answer.form) {
            Some(why) if ending == Ending::Contradiction => {
                self.standing.contradicted(&why, times.now);
            }
            _ => self.standing.heard(&answer, ending, times),
        }
        self.count(ending);
    }

    fn weigh_unusable(&mut self, unusable: &Unusable, now: Instant, keeper: &mut Gatekeeper) {
        match unusable {
            Unusable::Timeout => self.pace.late(),
            _ => self.pace.in_time(),
        }
        debug!(target: TARGET, error = %unusable, "No usable answer");
        match Judge::judge_unusable(unusable) {
            Verdict::Close(reason) => {
                keeper.close(reason, now);
                self.standing.contradicted(unusable, now);
            }
            Verdict::Leave | Verdict::Open { .. } => self.standing.missed(unusable, now),
        }
        self.count(Ending::from(unusable));
    }

    fn count(&self, ending: Ending) {
        self.polls.with_label_values(&[ending.label()]).inc();
    }

    /// Tells the source that this process is ending. What cannot be promised in time is not promised.
    async fn last_word(mut self, keeper: &Gatekeeper) {
        let mut promise = keeper.promise();
        // Whether it is kept is in the word.
        tokio::time::timeout(LAST_CLOSING, promise.kept())
            .await
            .ok();
        let last = Query {
            seq: self.query.seq + 1,
            healthy: false,
            gate: keeper.word(),
            wait_ms: 0,
            ..self.query
        };
        self.query = last;
        let heard = self.asker.ask(Some(&self.query), LAST_WORD).await;
        debug!(target: TARGET, gate = ?self.query.gate, heard = heard.is_ok(), "Said that this process is ending");
    }
}
