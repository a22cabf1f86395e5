//! The comparison of one collection's values with the truth, and with each other.

use super::super::shown::{Row, Shown, ShownGroup, Tp, seconds};
use super::super::truth::{Bounds, Incarnation, Life, Monotone, Truth, number};

/// The slack, in seconds, between the instant to which ages belong and the end of the window.
const AGE_SLACK: f64 = 0.1;

/// The state of the brokers while a collection was made, and for some time before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brokers {
    /// No broker was away, and leaders and coordinators stayed where they were.
    Well,
    /// A broker was away, or leaders and coordinators moved.
    Troubled,
}

/// The findings about one collection.
#[derive(Debug)]
pub(super) struct Findings {
    brokers: Brokers,
    /// The number of values that were compared.
    pub(super) n_values: u64,
    /// The number of values for which the truth was changing, so that only their relations to each other were compared.
    pub(super) n_unjudged: u64,
    /// Wrong values, in words.
    pub(super) wrong: Vec<String>,
}

/// Compares all values of a collection.
pub(super) fn compare(truth: &Truth, shown: &Shown, brokers: Brokers) -> Findings {
    let mut findings = Findings {
        brokers,
        n_values: 0,
        n_unjudged: 0,
        wrong: Vec::new(),
    };
    for (tp, end) in &shown.ends {
        findings.end(truth, shown, (tp, *end));
    }
    for (tp, start) in &shown.starts {
        findings.start(truth, shown, (tp, *start));
    }
    for (name, group) in &shown.groups {
        findings.group(truth, shown, (name, group));
    }
    findings
}

// === impl Brokers ===

impl Brokers {
    /// Returns the time, in milliseconds, after which nothing of a deleted topic or group is shown any more. Brokers learn of a
    /// deletion one after the other, and the collector keeps a group in sight while its coordinator cannot be found.
    fn linger(self) -> u64 {
        match self {
            Self::Well => 10_000,
            Self::Troubled => 90_000,
        }
    }

    /// Returns the time, in milliseconds, by which a commit may be older than one that was confirmed. A new coordinator answers
    /// with what its log had up to a high watermark that it learned from its predecessor, and which grows only when the other
    /// replicas fetch from it.
    fn stale(self) -> u64 {
        match self {
            Self::Well => 0,
            Self::Troubled => 20_000,
        }
    }
}

// === impl Findings ===

impl Findings {
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "it reads as `assert!` does"
    )]
    fn check(&mut self, right: bool, wrong: impl FnOnce() -> String) {
        self.n_values += 1;
        if !right {
            self.wrong.push(wrong());
        }
    }

    /// Returns the topic that was there throughout the window. A topic that nobody has made, or that is long gone, is wrong.
    fn topic<'a>(
        &mut self,
        truth: &'a Truth,
        shown: &Shown,
        name: &str,
    ) -> Option<&'a Incarnation> {
        let (from, to) = shown.window;
        let Some(topic) = truth.topics.get(name) else {
            self.wrong
                .push(format!("topic {name} is shown, which nobody made"));
            return None;
        };
        if topic.is_gone((from.saturating_sub(self.brokers.linger()), to)) {
            self.wrong
                .push(format!("topic {name} is shown, but is gone"));
        }
        let steady = topic.steady(shown.window);
        self.n_unjudged += u64::from(steady.is_none());
        steady
    }

    fn end(&mut self, truth: &Truth, shown: &Shown, (tp, end): (&Tp, f64)) {
        if let Some(topic) = self.topic(truth, shown, &tp.0) {
            let bounds = topic.end(tp.1, shown.window);
            self.check(bounds.contain(end), || {
                format!("end of {tp:?} is {end}, not in {bounds:?}")
            });
        }
    }

    fn start(&mut self, truth: &Truth, shown: &Shown, (tp, start): (&Tp, f64)) {
        let Some(topic) = self.topic(truth, shown, &tp.0) else {
            return;
        };
        match topic.log_start(tp.1, shown.window) {
            Some(bounds) => self.check(bounds.contain(start), || {
                format!("start of {tp:?} is {start}, not in {bounds:?}")
            }),
            None => self.n_unjudged += 1,
        }
    }

    fn group(&mut self, truth: &Truth, shown: &Shown, (name, group): (&str, &ShownGroup)) {
        let (from, to) = shown.window;
        let known = truth.groups.get(name);
        if known
            .is_some_and(|known| known.is_gone((from.saturating_sub(self.brokers.linger()), to)))
        {
            self.wrong
                .push(format!("group {name} is shown, but is gone"));
        }
        let life = known.and_then(|known| known.steady(shown.window));
        for (tp, row) in &group.rows {
            self.row(shown, (name, tp, row));
            match life {
                Some(life) => self.committed(truth, shown, (name, life, tp, row)),
                None => self.n_unjudged += 1,
            }
        }
        self.sums(name, group);
    }

    fn committed(
        &mut self,
        truth: &Truth,
        shown: &Shown,
        (name, life, tp, row): (&str, &Life, &Tp, &Row),
    ) {
        let Some(topic) = self.topic(truth, shown, &tp.0) else {
            return;
        };
        let place = (tp.0.clone(), topic.number, tp.1);
        let commits = life.commits.get(&place);
        let sure = commits.and_then(Monotone::confirmed_at);
        let (Some(commits), true) = (commits, sure.is_some_and(|at| at <= shown.window.0)) else {
            // Before the first commit on a topic that was made anew, one on the topic before it may still be there.
            self.n_unjudged += 1;
            return;
        };
        let (from, to) = shown.window;
        let bounds = commits.bounds((from.saturating_sub(self.brokers.stale()), to));
        if let Some(committed) = row.committed {
            self.check(bounds.contain(committed), || {
                format!("commit of {name} on {tp:?} is {committed}, not in {bounds:?}")
            });
        }
        self.lag(shown, (name, tp, row), (bounds, topic));
        self.age(shown, (name, tp, row), topic);
    }

    /// Compares the lag with the greatest that it can have been, and with the least.
    fn lag(
        &mut self,
        shown: &Shown,
        (name, tp, row): (&str, &Tp, &Row),
        (commit, topic): (Bounds, &Incarnation),
    ) {
        let Some(lag) = row.lag else { return };
        let end = topic.end(tp.1, shown.window);
        let most = number(end.most.saturating_sub(commit.least));
        let least = number(end.least.saturating_sub(commit.most));
        self.check(lag >= least && lag <= most, || {
            format!("lag of {name} on {tp:?} is {lag}, not from {least} to {most}")
        });
    }

    /// Compares the age of the oldest unread record with the timestamps that were written.
    fn age(&mut self, shown: &Shown, (name, tp, row): (&str, &Tp, &Row), topic: &Incarnation) {
        let (Some(age), Some(committed), Some(lag)) = (row.lag_seconds, row.committed, row.lag)
        else {
            return;
        };
        if lag == 0.0 {
            self.check(age == 0.0, || {
                format!("{name} has read {tp:?}, but lags {age} s")
            });
            return;
        }
        let Some(starts) = topic.log_start(tp.1, shown.window) else {
            return;
        };
        let first = whole(committed).max(starts.least);
        let last = whole(committed).max(starts.most);
        let oldest = topic.timestamp(tp.1, first);
        let youngest = topic.timestamp(tp.1, last);
        let (Some(oldest), Some(youngest)) = (oldest, youngest) else {
            self.n_unjudged += 1;
            return;
        };
        let now = (number(shown.updated), seconds(shown.window.1) + AGE_SLACK);
        let least = now.0 - seconds(youngest) - AGE_SLACK;
        let most = now.1 - seconds(oldest);
        self.check(age >= least && age <= most, || {
            format!("{name} lags {age} s on {tp:?}, not from {least:.3} to {most:.3}")
        });
    }

    /// Compares the values of a row with each other.
    fn row(&mut self, shown: &Shown, (name, tp, row): (&str, &Tp, &Row)) {
        if let (Some(committed), Some(lag), Some(end)) =
            (row.committed, row.lag, shown.ends.get(tp))
        {
            let expected = (end - committed).max(0.0);
            self.check(same(lag, expected), || {
                format!("lag of {name} on {tp:?} is {lag}, but {end} - {committed} = {expected}")
            });
        }
        if let (Some(committed), Some(margin), Some(start)) =
            (row.committed, row.margin, shown.starts.get(tp))
        {
            let expected = committed - start;
            self.check(same(margin, expected), || {
                format!("margin of {name} on {tp:?} is {margin}, not {expected}")
            });
            let lost = row.lost.unwrap_or(-1.0);
            self.check(same(lost, (-expected).max(0.0)), || {
                format!("{name} lost {lost} on {tp:?}, but its margin is {expected}")
            });
        }
    }

    /// Compares sums and maxima with the rows that they are made of.
    fn sums(&mut self, name: &str, group: &ShownGroup) {
        if let Some(sum) = group.sum_lag {
            let expected = group.added_up(None);
            self.check(same(sum, expected), || {
                format!("sum of {name} is {sum}, not {expected}")
            });
        }
        for (topic, sum) in &group.topic_sums {
            let expected = group.added_up(Some(topic));
            self.check(same(*sum, expected), || {
                format!("sum of {name} on {topic} is {sum}, not {expected}")
            });
        }
        let expected = group.greatest(|row| row.lag);
        self.check(group.max_lag == expected, || {
            format!("maximum of {name} is {:?}, not {expected:?}", group.max_lag)
        });
        if let Some(shown) = group.max_lag_seconds {
            let expected = group.greatest(|row| row.lag_seconds);
            self.check(Some(shown) == expected, || {
                format!("greatest age of {name} is {shown}, not {expected:?}")
            });
        }
    }
}

/// Returns true if two whole numbers are the same.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.5
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "offsets are positive and far below 2^52"
)]
fn whole(offset: f64) -> u64 {
    offset as u64
}
