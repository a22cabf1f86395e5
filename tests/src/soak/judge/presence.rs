//! The series that must be there: those of topics, partitions and groups that have existed for a while, while brokers are well.

use super::super::shown::{Row, Shown, ShownGroup};
use super::super::truth::{Incarnation, Life, Truth, Window};

/// The age from which a topic or partition must be shown, in milliseconds: the collector keeps metadata for a minute.
const METADATA: u64 = 75_000;
/// The age from which a commit must be shown, in milliseconds.
const COMMIT: u64 = 10_000;

/// Returns the number of series that must be there, and those that are not, in words.
pub(super) fn missing(truth: &Truth, shown: &Shown) -> (u64, Vec<String>) {
    let mut search = Search::default();
    for name in truth.topics.keys() {
        let Some(topic) = lasting(truth, name, shown.window) else {
            continue;
        };
        search.topic(name, topic, shown);
    }
    for (name, group) in &truth.groups {
        if let Some(life) = group.steady(shown.window) {
            search.group(truth, shown, (name, life));
        }
    }
    (search.n_expected, search.missing)
}

/// Returns the topic of this name, if it has been there for long enough.
fn lasting<'a>(truth: &'a Truth, name: &str, (from, to): Window) -> Option<&'a Incarnation> {
    let topic = truth.topics.get(name)?.steady((from, to))?;
    let made = topic.made?;
    (made + METADATA <= from).then_some(topic)
}

#[derive(Debug, Default)]
struct Search {
    n_expected: u64,
    missing: Vec<String>,
}

// === impl Search ===

impl Search {
    fn expect<T>(&mut self, found: Option<&T>, what: impl FnOnce() -> String) {
        self.n_expected += 1;
        if found.is_none() {
            self.missing.push(what());
        }
    }

    fn topic(&mut self, name: &str, topic: &Incarnation, shown: &Shown) {
        let early = shown.window.0.saturating_sub(METADATA);
        for partition in 0..topic.partitions.bounds((early, early)).least {
            let tp = (name.to_owned(), partition);
            self.expect(shown.ends.get(&tp), || format!("the end of {tp:?}"));
            self.expect(shown.starts.get(&tp), || format!("the start of {tp:?}"));
        }
    }

    fn group(&mut self, truth: &Truth, shown: &Shown, (name, life): (&str, &Life)) {
        let early = shown.window.0.saturating_sub(COMMIT);
        if life.made.is_none_or(|made| made > early) {
            return;
        }
        let none = ShownGroup::default();
        let group = shown.groups.get(name);
        self.expect(group, || format!("group {name}"));
        let group = group.unwrap_or(&none);
        let mut all_lasting = true;
        for ((topic, number, partition), commits) in &life.commits {
            let found = lasting(truth, topic, shown.window);
            let found = found.filter(|found| found.number == *number);
            let long = commits.confirmed_at().is_some_and(|at| at <= early);
            let metadata = shown.window.0.saturating_sub(METADATA);
            let there = found.is_some_and(|found| {
                found.partitions.bounds((metadata, metadata)).least > *partition
            });
            if !long || !there {
                all_lasting = false;
                continue;
            }
            let tp = (topic.clone(), *partition);
            let row = group.rows.get(&tp);
            let value = |of: fn(&Row) -> Option<f64>| row.and_then(of);
            let (committed, lag, age) = (
                value(|row| row.committed),
                value(|row| row.lag),
                value(|row| row.lag_seconds),
            );
            self.expect(committed.as_ref(), || {
                format!("the commit of {name} on {tp:?}")
            });
            self.expect(lag.as_ref(), || format!("the lag of {name} on {tp:?}"));
            self.expect(age.as_ref(), || format!("the time lag of {name} on {tp:?}"));
        }
        if all_lasting {
            self.expect(group.sum_lag.as_ref(), || format!("the sum of {name}"));
            self.expect(group.max_lag_seconds.as_ref(), || {
                format!("the time lag of {name}")
            });
        }
    }
}
