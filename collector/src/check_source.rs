//! `--check-source`: what a source of leadership answers, what the collector would make of it, and where it breaks the contract.
//!
//! The answers are read and judged by the code that decides when the collector runs.

use std::fmt::{self, Write as _};

use shared::config::{self, Election, Environment, Leadership, Program};
use shared::leadership::{LeaderReport, Query, ReportedGate};
use tokio::time::Instant;

use crate::gate::Gate;
use crate::leadership::answer::{Answer, Form, Unusable};
use crate::leadership::judge::{Ending, Judge, Times, Verdict};
use crate::leadership::poll::{Asker, instance};
use crate::leadership::{Contradiction, PATIENCE, WAIT};

#[cfg(test)]
mod tests;

/// How often the source is asked: enough to see it hold its answers, and contradict itself.
const QUESTIONS: u64 = 5;

/// What is asked, and as whom.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where, as in the configuration.
    pub url: String,
    /// The pod whose collector is played; `None` asks as anybody may, who is told the facts and granted nothing.
    pub identity: Option<String>,
}

/// What the source did.
#[derive(Debug)]
pub struct Report {
    text: String,
    n_violations: usize,
}

/// One question.
#[derive(Debug)]
struct Asked {
    times: Times,
    heard: Result<Answer, Unusable>,
}

/// Asks a few times and reports.
///
/// # Errors
/// An address or a name that no configuration may have.
pub async fn ask(subject: &Subject) -> anyhow::Result<Report> {
    let election = election(subject)?;
    let asker = Asker::new(&election.url)?;
    let instance = instance();
    let mut all = Vec::new();
    for seq in 1..=QUESTIONS {
        let query = subject.identity.as_ref().map(|identity| Query {
            consumer: identity.clone(),
            instance: instance.clone(),
            seq,
            healthy: true,
            // Nothing is promised for a collector that may be there.
            gate: ReportedGate::Open,
            wait_ms: u64::try_from(WAIT.as_millis()).unwrap_or_default(),
        });
        let asked_at = Instant::now();
        let heard = asker.ask(query.as_ref(), PATIENCE).await;
        let now = Instant::now();
        let times = Times { asked_at, now };
        all.push(Asked { times, heard });
    }
    Ok(Report::of(subject, election, &all))
}

/// The configuration of a collector that asks there, its defaults in place.
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
    /// Whether the source kept the contract.
    pub const fn is_clean(&self) -> bool {
        self.n_violations == 0
    }

    fn of(subject: &Subject, mut election: Election, all: &[Asked]) -> Self {
        let mut report = Self {
            text: String::new(),
            n_violations: 0,
        };
        report.line(format_args!("source: {}", election.url));
        let first = all.iter().find_map(|asked| asked.heard.as_ref().ok());
        if subject.identity.is_none() {
            let owner = first.and_then(owner).filter(|name| !name.is_empty());
            election.identity = owner.unwrap_or(election.identity);
        }
        match &subject.identity {
            Some(identity) => report.line(format_args!("asked {QUESTIONS} times as {identity}")),
            None => report.line(format_args!(
                "asked {QUESTIONS} times as nobody, whom our elector grants nothing; --identity asks as a pod's collector"
            )),
        }
        if let Some(answer) = first {
            report.line(format_args!("form: {}", answer.form));
            report.line(format_args!(
                "judged as the collector of {}",
                election.identity
            ));
        }
        let mut judge = Judge::new(&election);
        let mut last = None;
        for Asked { times, heard } in all {
            let Ok(answer) = heard
                .as_ref()
                .map_err(|unusable| report.violation(unusable))
            else {
                continue;
            };
            let closed = Gate::Closed {
                reason: crate::gate::Reason::Starting,
            };
            let (verdict, ending) = judge.judge(answer, *times, closed);
            let told = (verdict, ending);
            if last != Some(told.1) {
                report.answer(answer, told, *times);
            }
            last = Some(ending);
            for violation in violations(answer, ending, &election) {
                report.violation(&violation);
            }
        }
        if report.is_clean() {
            report.line(format_args!("no violation"));
        }
        report
    }

    fn answer(&mut self, answer: &Answer, (verdict, ending): (Verdict, Ending), times: Times) {
        if let Form::Contract(report, _) = &answer.form {
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
        let label = ending.label();
        match verdict {
            Verdict::Open { until, .. } => {
                let left = until.saturating_duration_since(times.now).as_millis();
                self.line(format_args!(
                    "the collector would collect ({label}), for {left} ms from the answer, which took {took} ms"
                ));
            }
            Verdict::Close(_) => {
                self.line(format_args!(
                    "the collector would stand by ({label}); the answer took {took} ms"
                ));
            }
            Verdict::Leave => {
                self.line(format_args!(
                    "the collector would do what it did before ({label}); the answer took {took} ms"
                ));
            }
        }
    }

    fn violation(&mut self, what: &dyn fmt::Display) {
        self.n_violations += 1;
        let line = format!("violation: the source {what}\n");
        // The same one five times is one to read.
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

/// Whose collector would be meant by an answer.
fn owner(answer: &Answer) -> Option<String> {
    match &answer.form {
        Form::Name { name, .. } => Some(name.clone()),
        form => form.identity().map(ToOwned::to_owned),
    }
}

/// Where an answer breaks the contract, though it can be read.
fn violations(answer: &Answer, ending: Ending, election: &Election) -> Vec<String> {
    let mut found = Vec::new();
    match ending {
        Ending::ForeignIdentity => {
            let identity = answer.form.identity().unwrap_or_default();
            found.push(format!(
                "answers for {identity:?}, not for {:?}",
                election.identity
            ));
        }
        Ending::LowerTerm => found.push("grants a lower term than a moment ago".to_owned()),
        Ending::Late => found.push("says yes, but for no longer than its answer takes".to_owned()),
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
