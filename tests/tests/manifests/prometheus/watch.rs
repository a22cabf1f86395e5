//! A Prometheus with the rules, and the facts that it records about the pods.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::prometheus::{Intervals, Prometheus, Series, jobs};
use e2e::lab::{Length, Pod};
use e2e::manifests;

use super::lag::{GROUP, THRESHOLD};

/// A user's alert on a name with `klag:` in front, as the manifests recommend.
pub(crate) const OURS: &str = "ConsumersTooSlow";

/// A user's alert like [`OURS`], on the name without `klag:` in front.
pub(crate) const DIRECT: &str = "ConsumersTooSlowDirectly";

/// The labels of recorded series; two series with the same values of them would be one.
const KEPT: [&str; 6] = [
    "__name__",
    "namespace",
    "job",
    "cluster_name",
    "group",
    "topic",
];

/// The settings of a Prometheus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The name of this Prometheus in the test's report.
    name: &'static str,
    /// The time from one scrape or evaluation to the next.
    seconds: u64,
    /// The time for which the rules remember the last value, as a range of `PromQL`.
    memory: &'static str,
}

/// The settings with times that are exact to the second.
pub(crate) const EVERY_SECOND: Kind = Kind {
    name: "every second",
    seconds: 1,
    memory: "3m",
};

/// The settings of the manifests.
pub(crate) const AS_SHIPPED: Kind = Kind {
    name: "as shipped",
    seconds: 30,
    memory: "3m",
};

/// The settings with rules that cannot bridge the time until a killed pod is succeeded.
pub(crate) const FORGETFUL: Kind = Kind {
    name: "forgetful",
    memory: "3s",
    ..EVERY_SECOND
};

/// A Prometheus that scrapes two pods.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The name of this Prometheus in the test's report.
    pub(crate) name: &'static str,
    /// The running Prometheus.
    pub(crate) prometheus: Prometheus,
    intervals: Intervals,
}

/// The course of an alert: times in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// The time at which the condition was seen to hold.
    pub(crate) pending: f64,
    /// The time at which the condition had held for long enough.
    pub(crate) fired: f64,
}

// === impl Watch ===

impl Watch {
    /// Starts a Prometheus that scrapes both pods. It has the shipped rules and alerts such as a user writes, whose `for` is
    /// `patience`.
    pub(crate) fn start(kind: Kind, pods: [&Pod; 2], patience: Duration) -> Result<Self> {
        let Kind {
            name,
            seconds,
            memory,
        } = kind;
        let interval = Duration::from_secs(seconds);
        let intervals = Intervals {
            scrape: interval,
            evaluation: interval,
        };
        let rules = manifests::read("alerts/klag-exporter.rules.yaml")?;
        let shipped = "    interval: 30s\n";
        ensure!(rules.matches(shipped).count() == 4, "other intervals");
        ensure!(rules.matches("[3m").count() > 10, "another memory");
        let rules = rules
            .replace(shipped, &format!("    interval: {seconds}s\n"))
            .replace("[3m", &format!("[{memory}"));
        let users = [(OURS, "klag:"), (DIRECT, "")].map(|(alert, prefix)| {
            format!(
                "  - alert: {alert}\n    expr: {prefix}kafka_consumergroup_group_max_lag > {THRESHOLD}\n    for: {}s\n",
                patience.as_secs()
            )
        });
        let users = format!("groups:\n- name: user\n  rules:\n{}", users.concat());
        Ok(Self {
            name,
            prometheus: Prometheus::start(intervals, &jobs(&pods), &[&rules, &users])?,
            intervals,
        })
    }

    /// Returns the time of a scrape and an evaluation, in seconds, which is the precision of a Prometheus.
    pub(crate) fn step(&self) -> f64 {
        (self.intervals.scrape + self.intervals.evaluation).as_secs_f64()
    }

    /// Returns the times after `since` at which an alert was seen in a state, whatever its other labels.
    pub(crate) fn times(&self, alert: &str, state: &str, since: f64) -> Result<Vec<f64>> {
        let selector = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"{state}\"}}");
        let series = self.prometheus.samples(&selector)?;
        let samples = series.iter().flat_map(|series| &series.samples);
        let times = samples.map(|(at, _)| *at).filter(|at| *at >= since);
        let mut times: Vec<_> = times.collect();
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Returns the time since which an alert has waited, by `ALERTS_FOR_STATE`, and the time at which it fired, after `since`.
    pub(crate) fn course(&self, alert: &str, since: f64) -> Result<Course> {
        let book = format!("ALERTS_FOR_STATE{{alertname=\"{alert}\"}}");
        let book = self.prometheus.samples(&book)?;
        // `ALERTS_FOR_STATE` has times in whole seconds, rounded down.
        let entries = book.iter().flat_map(|series| &series.samples);
        let entries = entries
            .map(|(_, began)| *began)
            .filter(|at| *at >= since - 1.0);
        let fired = self.times(alert, "firing", since)?;
        Ok(Course {
            pending: entries.reduce(f64::min).context("it does not wait")?,
            fired: fired.first().copied().context("it does not fire")?,
        })
    }

    /// Returns the recorded lag of the group; fails unless there is exactly one series.
    pub(crate) fn recorded(&self) -> Result<Series> {
        let lag = format!("klag:kafka_consumergroup_group_max_lag{{group=\"{GROUP}\"}}");
        let series = self.prometheus.samples(&lag)?;
        let [series] = <[Series; 1]>::try_from(series).map_err(|all| anyhow::anyhow!("{all:?}"))?;
        Ok(series)
    }

    /// Checks that every recorded series has a value at every step between two times and no unexpected labels; returns figures
    /// for the report.
    pub(crate) fn unbroken(&self, (from, to): (f64, f64)) -> Result<String> {
        let every = "{__name__=~\"klag:kafka_.+\"}";
        let step = self.intervals.evaluation;
        let shown = self.prometheus.range(every, (from, to), step)?;
        let most = shown.iter().map(|series| series.samples.len()).max();
        let wanted = most.context("nothing is recorded")?;
        let steps = Duration::from_secs_f64(to - from).as_secs() / step.as_secs();
        ensure!(
            wanted as u64 == steps + 1,
            "{}: {wanted} of {steps} steps",
            self.name
        );
        for series in &shown {
            let (n, labels) = (series.samples.len(), &series.labels);
            ensure!(n == wanted, "{}: {n} of {wanted}: {labels:?}", self.name);
            let other = labels.keys().find(|name| !KEPT.contains(&name.as_str()));
            ensure!(other.is_none(), "{}: {labels:?}", self.name);
        }
        let kept = self.prometheus.samples(every)?;
        let kept: Vec<Vec<f64>> = kept
            .iter()
            .map(|series| series.samples.iter().map(|(at, _)| *at))
            .map(|times| times.filter(|at| *at >= from && *at <= to).collect())
            .collect();
        let apart = kept.iter().flat_map(|times| times.windows(2));
        let longest = apart.map(|two| two[1] - two[0]).fold(0.0, f64::max);
        // One evaluation may be late on a busy machine.
        let bound = step.as_secs_f64() * Length::from_env().pick(1.5, 3.5);
        ensure!(longest < bound, "{}: {longest:.1} s apart", self.name);
        let n: usize = kept.iter().map(Vec::len).sum();
        Ok(format!(
            "{} recorded series, each with a value at all {wanted} steps; {n} samples, at most {longest:.1} s apart",
            shown.len()
        ))
    }

    /// Returns the number of times that the series of lag changed from one pod to the other, by the times of all samples; and the
    /// number of samples.
    pub(crate) fn moves(&self) -> Result<(usize, usize)> {
        let every = "{__name__=~\"kafka_.+\",job=\"klag-exporter\"}";
        let mut seen = Vec::new();
        for series in self.prometheus.samples(every)? {
            let instance = series.labels.get("instance").context("no instance")?;
            let samples = series.samples.iter();
            seen.extend(samples.map(|(at, _)| (*at, instance.clone())));
        }
        seen.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let moves = seen.windows(2).filter(|two| two[0].1 != two[1].1);
        Ok((moves.count(), seen.len()))
    }

    /// Returns the number of samples of the leader's telemetry, and the number of jobs and pods that they are from.
    pub(crate) fn telemetry(&self) -> Result<(usize, usize)> {
        let about = "{__name__=~\"kafka_lag_exporter_leader|kafka_lag_exporter_elector_state\"}";
        let series = self.prometheus.samples(about)?;
        let n = series.iter().map(|series| series.samples.len()).sum();
        let from = |it: &Series| {
            (
                it.labels.get("job").cloned(),
                it.labels.get("instance").cloned(),
            )
        };
        let from: BTreeSet<_> = series.iter().map(from).collect();
        Ok((n, from.len()))
    }
}
