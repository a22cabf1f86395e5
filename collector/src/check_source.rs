//! `--check-source`: shows the answers of a source of leadership, the decisions that follow from them, and violations of the
//! contract.
//!
//! The answers are parsed and evaluated by the code that decides about collecting.

use std::fmt::{self, Write as _};

use shared::config::{self, Election, Environment, Leadership, Program};
use shared::leadership::{LeaderReport, Query, ReportedGate};
use tokio::time::Instant;

use crate::gate::Gate;
use crate::leadership::answer::{Answer, AnswerForm, Unusable};
use crate::leadership::evaluate::{Decision, Evaluator, PollResult, Times};
use crate::leadership::source_client::{SourceClient, random_instance};
use crate::leadership::{Contradiction, INITIAL_TIMEOUT, QUERY_INTERVAL};

#[cfg(test)]
mod tests;

/// The number of requests: enough to see whether the source holds its answers or contradicts itself.
const N_REQUESTS: u64 = 5;

/// The source of leadership to check, and the identity to ask it with.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The address of the source, in the form of `exporter.leadership.url`.
    pub url: String,
    /// The pod in whose name the source is asked; `None` asks without an identity, as anybody may, which gets facts but no
    /// permission from the elector of this repository.
    pub identity: Option<String>,
}

/// The report on the answers of a source, as text, with the number of violations of the contract.
#[derive(Debug)]
pub struct Report {
    text: String,
    n_violations: usize,
}

/// One request to the source: the instants at which it was sent and answered, and the answer.
#[derive(Debug)]
struct Exchange {
    times: Times,
    answer: Result<Answer, Unusable>,
}

/// Sends five requests (`N_REQUESTS`), one after the other, and reports on the answers.
///
/// # Errors
/// The address or the identity is not valid in a configuration, or the HTTP client cannot be made.
pub async fn ask(subject: &Subject) -> anyhow::Result<Report> {
    let election = election(subject)?;
    let client = SourceClient::new(&election.url)?;
    let instance = random_instance();
    let mut all = Vec::new();
    for seq in 1..=N_REQUESTS {
        let query = subject.identity.as_ref().map(|identity| Query {
            consumer: identity.clone(),
            instance: instance.clone(),
            seq,
            healthy: true,
            // The value `closed` would be a promise on behalf of a collector that may be running.
            gate: ReportedGate::Open,
            wait_ms: u64::try_from(QUERY_INTERVAL.as_millis()).unwrap_or_default(),
        });
        let asked_at = Instant::now();
        let answer = client.query(query.as_ref(), INITIAL_TIMEOUT).await;
        let now = Instant::now();
        let times = Times { asked_at, now };
        all.push(Exchange { times, answer });
    }
    Ok(Report::of(subject, election, &all))
}

/// Returns the election settings of a collector with this source, with defaults in place.
fn election(subject: &Subject) -> anyhow::Result<Election> {
    let Subject { url, identity } = subject;
    let identity = identity.as_deref().unwrap_or("nobody");
    let text = format!(
        "[exporter.leadership]\nenabled = true\nurl = {url:?}\nidentity = {identity:?}\n\
         [[clusters]]\nname = \"none\"\nbootstrap_servers = \"none:1\"\n"
    );
    let env = Environment::default();
    let loaded = config::parse(&text, "--check-source", Program::Collector, &env)?;
    match loaded.config.exporter.leadership {
        Leadership::Elected(election) => Ok(*election),
        Leadership::SingleInstance => anyhow::bail!("nothing to ask"),
    }
}

// === impl Report ===

impl Report {
    /// Returns `true` if the source has not violated the contract.
    pub const fn is_clean(&self) -> bool {
        self.n_violations == 0
    }

    fn of(subject: &Subject, mut election: Election, all: &[Exchange]) -> Self {
        let mut report = Self {
            text: String::new(),
            n_violations: 0,
        };
        report.line(format_args!("source: {}", election.url));
        let first = all.iter().find_map(|asked| asked.answer.as_ref().ok());
        if subject.identity.is_none() {
            let owner = first.and_then(owner).filter(|name| !name.is_empty());
            election.identity = owner.unwrap_or(election.identity);
        }
        match &subject.identity {
            Some(identity) => report.line(format_args!("asked {N_REQUESTS} times as {identity}")),
            None => report.line(format_args!(
                "asked {N_REQUESTS} times as nobody, whom our elector grants nothing; --identity asks as a pod's collector"
            )),
        }
        if let Some(answer) = first {
            report.line(format_args!("form: {}", answer.form));
            report.line(format_args!(
                "judged as the collector of {}",
                election.identity
            ));
        }
        let mut evaluator = Evaluator::new(&election);
        let mut last = None;
        for Exchange { times, answer } in all {
            let Ok(answer) = answer
                .as_ref()
                .map_err(|unusable| report.violation(unusable))
            else {
                continue;
            };
            let closed = Gate::Closed {
                reason: crate::gate::ClosedReason::Starting,
            };
            let (decision, result) = evaluator.evaluate(answer, *times, closed);
            let told = (decision, result);
            if last != Some(told.1) {
                report.answer(answer, told, *times);
            }
            last = Some(result);
            for violation in violations(answer, result, &election) {
                report.violation(&violation);
            }
        }
        if report.is_clean() {
            report.line(format_args!("no violation"));
        }
        report
    }

    fn answer(
        &mut self,
        answer: &Answer,
        (decision, result): (Decision, PollResult),
        times: Times,
    ) {
        if let AnswerForm::Contract(report, _) = &answer.form {
            let LeaderReport {
                identity,
                name,
                term,
                valid_for_ms,
                ..
            } = &**report;
            let (state, reason) = (report.state.label(), report.reason.label());
            self.line(format_args!(
                "says: {state} ({reason}), identity {identity:?}, leader {name:?}, term {term}, valid for {valid_for_ms} ms"
            ));
        }
        let took = (times.now - times.asked_at).as_millis();
        let label = result.label();
        match decision {
            Decision::Open { until, .. } => {
                let left = until.saturating_duration_since(times.now).as_millis();
                self.line(format_args!(
                    "the collector would collect ({label}), for {left} ms from the answer, which took {took} ms"
                ));
            }
            Decision::Close(_) => {
                self.line(format_args!(
                    "the collector would stand by ({label}); the answer took {took} ms"
                ));
            }
            Decision::Keep => {
                self.line(format_args!(
                    "the collector would do what it did before ({label}); the answer took {took} ms"
                ));
            }
        }
    }

    fn violation(&mut self, what: &dyn fmt::Display) {
        self.n_violations += 1;
        let line = format!("violation: the source {what}\n");
        // A violation that repeats is counted each time and shown once.
        if !self.text.contains(&line) {
            self.text.push_str(&line);
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing to a string does not fail");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the name of the pod that an answer is about; `None` if the answer names no pod.
fn owner(answer: &Answer) -> Option<String> {
    match &answer.form {
        AnswerForm::Name { name, .. } => Some(name.clone()),
        form => form.identity().map(ToOwned::to_owned),
    }
}

/// Returns the violations of the contract in a well-formed answer.
fn violations(answer: &Answer, result: PollResult, election: &Election) -> Vec<String> {
    let mut found = Vec::new();
    match result {
        PollResult::ForeignIdentity => {
            let identity = answer.form.identity().unwrap_or_default();
            found.push(format!(
                "answers for {identity:?}, not for {:?}",
                election.identity
            ));
        }
        PollResult::LowerTerm => found.push("grants a lower term than a moment ago".to_owned()),
        PollResult::Late => {
            found.push("says yes, but for no longer than its answer takes".to_owned());
        }
        _ => {}
    }
    let Election {
        identity,
        lease_duration,
        ..
    } = election;
    let contradictions = Contradiction::all(&answer.form, identity, *lease_duration);
    found.extend(contradictions.iter().map(ToString::to_string));
    found
}
