//! The loop that polls the source and applies its answers to the gate.
//!
//! One request is in flight at a time. While the loop waits, for whatever it is, the gate still closes at its deadline. The
//! report in each request is read just before the request is sent.

use std::time::Duration;

use prometheus::IntCounterVec;
use shared::config::Election;
use shared::leadership::{Query, ReportedGate};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::answer::{Answer, Unusable};
use super::evaluate::{Decision, Evaluator, PollResult, Times};
use super::gate_writer::{GateWriter, OpenResult};
use super::poll_schedule::{PollSchedule, QUERY_INTERVAL};
use super::source_client::{InvalidSource, SourceClient, random_instance};
use super::source_status::{Availability, LOG_TARGET, SourceStatus};
use crate::gate::{ClosedReason, Until};

/// The time that clients may take to end after the gate has closed. Afterwards this process reports itself as unhealthy, since it
/// could not collect if it led.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time for which the next poll waits for clients to end, so that it can report `gate=closed` at once.
const CLOSE_WAIT: Duration = Duration::from_millis(20);

/// The time for which the last request of the process waits for clients to end.
const FINAL_CLOSE_WAIT: Duration = Duration::from_millis(900);

/// The timeout of the last request of the process.
const FINAL_QUERY_TIMEOUT: Duration = Duration::from_millis(250);

/// The task that polls one source of leadership.
#[derive(Debug)]
pub struct PollTask {
    client: SourceClient,
    evaluator: Evaluator,
    status: SourceStatus,
    polls: IntCounterVec,
    schedule: PollSchedule,
    /// The parameters of the last request. `consumer`, `instance` and `wait_ms` stay the same; [`PollTask::prepare_query`] writes
    /// the others.
    query: Query,
    source: String,
}

/// The events that end a poll.
enum PollEvent {
    Shutdown,
    /// The request reported `gate=open`, and `gate=closed` has become true.
    ClientsGone,
    Answered(Result<Answer, Unusable>),
}

/// The continuation of the loop after a poll: another poll, or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Poll,
    End,
}

// === impl PollTask ===

impl PollTask {
    /// Makes a task that polls as `election` says, and counts the polls in `polls` by the label `result`. The second value is a
    /// receiver of the availability.
    ///
    /// # Errors
    /// The configured address is not usable.
    pub fn new(
        election: &Election,
        polls: IntCounterVec,
        now: Instant,
    ) -> Result<(Self, watch::Receiver<Availability>), InvalidSource> {
        let (status, availability) = SourceStatus::new(now);
        let task = Self {
            client: SourceClient::new(&election.url)?,
            evaluator: Evaluator::new(election),
            status,
            polls,
            schedule: PollSchedule::new(now),
            query: Query {
                consumer: election.identity.clone(),
                instance: random_instance(),
                seq: 0,
                healthy: true,
                gate: ReportedGate::Closed,
                wait_ms: u64::try_from(QUERY_INTERVAL.as_millis()).unwrap_or_default(),
            },
            source: election.url.to_string(),
        };
        Ok((task, availability))
    }

    /// Polls until `shutdown`, then closes the gate and tells the source that this process is ending.
    pub async fn run(mut self, mut gate_writer: GateWriter, shutdown: CancellationToken) {
        info!(
            target: LOG_TARGET,
            source = self.source,
            identity = self.query.consumer,
            "Asking for leadership"
        );
        while self.poll_once(&mut gate_writer, &shutdown).await == Next::Poll {}
        gate_writer.close(ClosedReason::ShuttingDown, Instant::now());
        self.send_final_query(&gate_writer).await;
    }

    async fn poll_once(
        &mut self,
        gate_writer: &mut GateWriter,
        shutdown: &CancellationToken,
    ) -> Next {
        let due = self.schedule.next(Instant::now());
        let waited = shutdown.run_until_cancelled(tokio::time::sleep_until(due));
        if gate_writer.wait_and_expire(waited).await.is_none() {
            return Next::End;
        }
        self.await_clients(gate_writer).await;
        self.prepare_query(gate_writer);
        let asked_at = Instant::now();
        self.schedule.record_query(asked_at);
        match self.next_event(gate_writer, shutdown).await {
            PollEvent::Shutdown => return Next::End,
            PollEvent::ClientsGone => self.count(PollResult::Abandoned),
            PollEvent::Answered(answer) => {
                let now = Instant::now();
                self.apply_answer(answer, Times { asked_at, now }, gate_writer);
            }
        }
        Next::Poll
    }

    /// Waits for [`CLOSE_WAIT`] at most for clients to end, if the gate is closed and clients are left. The next poll reports
    /// whether clients are left then.
    async fn await_clients(&self, gate_writer: &GateWriter) {
        if gate_writer.clients_left_since(Instant::now()).is_some() {
            let mut quiescence = gate_writer.quiescence();
            tokio::time::timeout(CLOSE_WAIT, quiescence.reached())
                .await
                .ok();
        }
    }

    /// Writes the parameters of the next poll.
    fn prepare_query(&mut self, gate_writer: &GateWriter) {
        let now = Instant::now();
        let wedged = gate_writer
            .clients_left_since(now)
            .is_some_and(|since| now.duration_since(since) >= CLOSE_TIMEOUT);
        self.query.seq += 1;
        self.query.healthy = !wedged;
        self.query.gate = gate_writer.reported();
    }

    async fn next_event(
        &self,
        gate_writer: &mut GateWriter,
        shutdown: &CancellationToken,
    ) -> PollEvent {
        let response = self
            .client
            .query(Some(&self.query), self.schedule.timeout());
        let mut quiescence = gate_writer.quiescence();
        let said_open = self.query.gate == ReportedGate::Open;
        let next_event = async {
            tokio::select! { biased;
            () = shutdown.cancelled() => PollEvent::Shutdown,
            () = quiescence.reached(), if said_open => PollEvent::ClientsGone,
            answer = response => PollEvent::Answered(answer) }
        };
        gate_writer.wait_and_expire(next_event).await
    }

    fn apply_answer(
        &mut self,
        answer: Result<Answer, Unusable>,
        times: Times,
        gate_writer: &mut GateWriter,
    ) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(unusable) => return self.apply_unusable(&unusable, times.now, gate_writer),
        };
        self.schedule.reset_timeout();
        let (decision, mut result) = self.evaluator.evaluate(&answer, times, gate_writer.gate());
        match decision {
            Decision::Keep => {}
            Decision::Close(reason) => gate_writer.close(reason, times.now),
            Decision::Open { until, term } => {
                match gate_writer.open(Until::At(until), term, times.now) {
                    OpenResult::ClientsLeft => {
                        debug!(target: LOG_TARGET, "Leads, but the clients of the last time are not gone yet");
                    }
                    OpenResult::HeldOff => result = PollResult::HeldOff,
                    OpenResult::Opened | OpenResult::TooLate => {}
                }
            }
        }
        match self.evaluator.contradiction(&answer.form) {
            Some(why) if result == PollResult::Contradiction => {
                self.status.record_contradiction(&why, times.now);
            }
            _ => self.status.record_answer(&answer, result, times),
        }
        self.count(result);
    }

    fn apply_unusable(&mut self, unusable: &Unusable, now: Instant, gate_writer: &mut GateWriter) {
        match unusable {
            Unusable::Timeout => self.schedule.lengthen_timeout(),
            _ => self.schedule.reset_timeout(),
        }
        debug!(target: LOG_TARGET, error = %unusable, "No usable answer");
        match Evaluator::evaluate_unusable(unusable) {
            Decision::Close(reason) => {
                gate_writer.close(reason, now);
                self.status.record_contradiction(unusable, now);
            }
            Decision::Keep | Decision::Open { .. } => self.status.record_unusable(unusable, now),
        }
        self.count(PollResult::from(unusable));
    }

    fn count(&self, result: PollResult) {
        self.polls.with_label_values(&[result.label()]).inc();
    }

    /// Reports that this process is ending, and `gate=closed` if the clients have ended in time.
    async fn send_final_query(mut self, gate_writer: &GateWriter) {
        let mut quiescence = gate_writer.quiescence();
        // A timeout needs no handling, because `reported` says whether the clients have ended.
        tokio::time::timeout(FINAL_CLOSE_WAIT, quiescence.reached())
            .await
            .ok();
        let last = Query {
            seq: self.query.seq + 1,
            healthy: false,
            gate: gate_writer.reported(),
            wait_ms: 0,
            ..self.query
        };
        self.query = last;
        let response = self
            .client
            .query(Some(&self.query), FINAL_QUERY_TIMEOUT)
            .await;
        debug!(target: LOG_TARGET, gate = ?self.query.gate, heard = response.is_ok(), "Said that this process is ending");
    }
}
