//! The pods of the demo: they are polled, ended, started again, and reported on in lines for people.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::leader_tracker::{Ending, LeaderChange, LeaderTracker, Poll};
use super::pod::{DURATIONS, DemoPod, Life};
use super::status_poller::{PollRate, StatusPoller};
use super::table::TableRow;
use crate::http_client;
use crate::lab::prom;

mod wording;

/// The time in which the pods have to end. The whole demo ends within two seconds of Ctrl-C, as its test demands.
const END_LIMIT: Duration = Duration::from_millis(1500);

/// The time limit of a scrape; a table that takes longer is not shown.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The pods of the demo: one, or two that compete.
#[derive(Debug)]
pub(super) struct Pods {
    all: Vec<DemoPod>,
    status_poller: StatusPoller,
    leader_tracker: LeaderTracker,
    /// The last poll, from which the table's headline and the lines about pods are made.
    poll: Option<Poll>,
    /// The index of a pod that was started and is not on standby yet, with the time of its start.
    awaited: Option<(usize, Instant)>,
    begun: Instant,
    /// The cause and the time of the last change of leader, until the new leader shows lag.
    fresh: Option<(String, Instant)>,
    client: reqwest::Client,
}

// === impl Pods ===

impl Pods {
    /// Starts the pods, and begins to poll them.
    pub(super) fn start(mut pods: Vec<DemoPod>) -> Result<Self> {
        pods.iter_mut().try_for_each(DemoPod::start)?;
        let ports = pods.iter().map(DemoPod::ports).collect();
        Ok(Self {
            all: pods,
            status_poller: StatusPoller::begin(ports)?,
            leader_tracker: LeaderTracker::default(),
            poll: None,
            awaited: None,
            begun: Instant::now(),
            fresh: None,
            client: http_client::builder().timeout(ANSWER_LIMIT).build()?,
        })
    }

    /// Returns all pods, in the order of their indices.
    pub(super) fn all(&self) -> &[DemoPod] {
        &self.all
    }

    /// Returns true if there is one pod, and so no election.
    pub(super) fn is_alone(&self) -> bool {
        self.all.len() < 2
    }

    /// Waits for the next poll.
    pub(super) async fn next(&mut self) -> Result<Poll> {
        self.status_poller.next().await
    }

    /// Takes note of a poll; returns lines about what is new.
    pub(super) fn see(&mut self, poll: Poll) -> Vec<String> {
        let mut lines = Vec::new();
        let news = self.leader_tracker.see(&poll);
        let now = poll.seen_at;
        self.poll = Some(poll);
        if self.is_alone() {
            return lines;
        }
        match news {
            Some(LeaderChange::Leads(pod, gap)) => {
                lines.push(self.leads(pod, gap));
                self.status_poller.set(PollRate::Slow);
                match gap {
                    Some(gap) => {
                        let ago = gap.after.map_or(gap.nobody_led, |(_, ago)| ago);
                        let what = gap.after.map_or("the last", |(how, _)| how.name());
                        self.fresh = Some((what.to_owned(), now - ago));
                    }
                    None => self.awaited = Some((1 - pod, self.begun)),
                }
            }
            Some(LeaderChange::Nobody(pod)) => {
                self.status_poller.set(PollRate::Fast);
                lines.push(format!("{} leads no more.", self.name(pod)));
            }
            None => {}
        }
        if let Some((pod, since)) = self.awaited
            && self.stands_by(pod)
        {
            let took = now.saturating_duration_since(since).as_secs_f64();
            let name = self.name(pod);
            lines.push(format!(
                "{name} is on standby, {took:.1} s after its start."
            ));
            self.awaited = None;
        }
        lines
    }

    /// Ends the leading pod. Returns a line that says what was done, or why nothing was.
    pub(super) fn end_leader(&mut self, how: Ending) -> Result<String> {
        let Some(leader) = self.leader_tracker.leader() else {
            return Ok("Nobody leads now: wait.".to_owned());
        };
        let other = 1 - leader;
        if !self.stands_by(other) {
            return Ok(format!("{} is not on standby: wait.", self.name(other)));
        }
        let pod = &mut self.all[leader];
        let did = format!("{} to {}: {}.", how.name(), pod.name(), pod.processes());
        self.status_poller.set(PollRate::Fast);
        let at = Instant::now();
        match how {
            Ending::Kill => pod.kill()?,
            Ending::Terminate => pod.terminate()?,
        }
        self.leader_tracker.end(how, at);
        Ok(did)
    }

    /// Starts again the containers that something other than the demo killed, and an ended pod as soon as the other one leads.
    /// Returns lines that say what was done.
    ///
    /// # Errors
    /// A program ended by itself, or after SIGTERM with a failure.
    pub(super) fn check(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for (i, pod) in self.all.iter_mut().enumerate() {
            if let Some(restarted) = pod.check()? {
                let name = restarted.container;
                let (pod, status) = (pod.name(), restarted.status);
                lines.push(format!(
                    "The {name} of {pod} ended: {status}. It is started again."
                ));
            }
            let leads = self.leader_tracker.leader();
            if pod.life() == Life::Ended && leads.is_some_and(|leader| leader != i) {
                pod.start()?;
                self.awaited = Some((i, Instant::now()));
                lines.push(format!(
                    "{} is started again: {}.",
                    pod.name(),
                    pod.processes()
                ));
            }
        }
        Ok(lines)
    }

    /// Returns the state of the election in words; an empty text if there is no election.
    pub(super) fn headline(&self, now: Instant) -> String {
        if self.is_alone() {
            return String::new();
        }
        let first = match (
            self.leader_tracker.leader(),
            self.leader_tracker.nobody_for(now),
        ) {
            (Some(leader), _) => {
                let term = self.term(leader);
                format!("{} leads under {term}", self.name(leader))
            }
            (None, Some(time)) => format!("nobody leads for {:.1} s", time.as_secs_f64()),
            (None, None) => {
                let (duration, _) = DURATIONS;
                format!("nobody leads yet, as a new Lease is left alone for {duration} s")
            }
        };
        let others = (0..self.all.len()).filter(|pod| Some(*pod) != self.leader_tracker.leader());
        let others = others.map(|pod| format!("; {} {}", self.name(pod), self.state(pod)));
        format!(": {first}{}", others.collect::<String>())
    }

    /// Returns the time since a pod was last known to lead; `None` if a pod leads, or none ever has.
    pub(super) fn nobody_for(&self, now: Instant) -> Option<Duration> {
        self.leader_tracker.nobody_for(now)
    }

    /// Reads the rows of the table from the leader's `/metrics`. Returns no rows if nobody leads, if the leader does not answer
    /// in time, or before the first collection.
    pub(super) async fn table(&mut self) -> Result<Vec<TableRow>> {
        let Some(leader) = self.leader_tracker.leader() else {
            return Ok(Vec::new());
        };
        let port = self.all[leader].ports().collector;
        let url = format!("http://127.0.0.1:{port}/metrics");
        let Ok(answer) = self.client.get(url).send().await else {
            // The pod is ending or too busy to answer; the next poll will show which.
            return Ok(Vec::new());
        };
        let Ok(text) = answer.error_for_status()?.text().await else {
            return Ok(Vec::new());
        };
        Ok(TableRow::all(&prom::parse(&text)?))
    }

    /// Returns a line once after each change of leader, as soon as the new leader's `/metrics` has lag.
    pub(super) async fn lag_again(&mut self) -> Result<Option<String>> {
        let (Some((what, since)), Some(leader)) =
            (self.fresh.clone(), self.leader_tracker.leader())
        else {
            return Ok(None);
        };
        if self.table().await?.is_empty() {
            return Ok(None);
        }
        self.fresh = None;
        let after = since.elapsed().as_secs_f64();
        let name = self.name(leader);
        Ok(Some(format!(
            "/metrics of {name} has lag, {after:.1} s after {what}."
        )))
    }

    /// Ends all pods with SIGTERM, and with SIGKILL those that take too long; returns lines that name the pods that were killed.
    pub(super) async fn stop(mut self) -> Result<Vec<String>> {
        let asked = Instant::now();
        for pod in &mut self.all {
            if pod.life() != Life::Ended {
                pod.terminate()?;
            }
        }
        while asked.elapsed() < END_LIMIT {
            let mut ended = true;
            for pod in &mut self.all {
                while pod.check()?.is_some() {}
                ended &= pod.life() == Life::Ended;
            }
            if ended {
                return Ok(Vec::new());
            }
            sleep(Duration::from_millis(5)).await;
        }
        let slow = self.all.iter().filter(|pod| pod.life() != Life::Ended);
        let lines = slow.map(|pod| {
            let (name, who) = (pod.name(), pod.processes());
            format!("{name} has not ended in {END_LIMIT:?} and is killed: {who}.")
        });
        Ok(lines.collect())
    }
}
