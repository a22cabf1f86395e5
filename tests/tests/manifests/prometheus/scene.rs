//! Two pods, the Prometheuses that scrape them, and the failovers that happen to them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::pod::BOTH;
use e2e::lab::{self, ControlPlane, Length, PairPlan, TwoPods};
use e2e::trials::failover::End;
use tokio::time::Instant;

use super::lag::Lag;
use super::watch::{AS_SHIPPED, Course, DIRECT, EVERY_SECOND, FORGETFUL, OURS, Watch};

/// An alert as it is shipped, and the seconds for which it waits. The lab's records are years old, so the condition of the alert
/// holds from the beginning.
const SHIPPED: (&str, f64) = ("KafkaGroupLate", 300.0);

/// The longest age of collected values in seconds: a collection of the lab's pods begins every half second.
const COLLECTED: f64 = 0.6;

/// The rounding of `ALERTS_FOR_STATE`, which has whole seconds.
const ROUNDING: f64 = 1.0;

/// Returns the tolerance for the times of alerts, in scrapes and evaluations.
fn slack() -> f64 {
    Length::from_env().pick(1.0, 3.0)
}

/// The pods, their lag and the Prometheuses.
#[derive(Debug)]
pub(crate) struct Scene {
    watches: Vec<Watch>,
    forgetful: Watch,
    pair: TwoPods,
    lag: Lag,
    patience: Duration,
    /// The time from which on everything was recorded, in seconds since 1970.
    begin: f64,
    /// The times at which pods ended, in seconds since 1970.
    ended: Vec<f64>,
}

// === impl Scene ===

impl Scene {
    /// Starts everything and waits until pod 0 leads, pod 1 stands by, and series are recorded.
    pub(crate) fn start(plane: &ControlPlane, durations: (u64, u64)) -> Result<Self> {
        let length = Length::from_env();
        let patience = Duration::from_secs(length.pick(120, 20));
        let pair = TwoPods::start(plane.kube(), &PairPlan::of("prometheus", durations))?;
        let kinds = length.pick(&[EVERY_SECOND, AS_SHIPPED][..], &[EVERY_SECOND]);
        let start = |kind| Watch::start(kind, pair.pods(), patience);
        let mut scene = Self {
            watches: kinds.iter().copied().map(start).collect::<Result<_>>()?,
            forgetful: start(FORGETFUL)?,
            pair,
            lag: Lag::calm(),
            patience,
            begin: 0.0,
            ended: Vec::new(),
        };
        // `klag:owner` is in the last group of recording rules. The last rule of all, `klag:over_budget`, records nothing here,
        // as the lab's group has no members.
        let last = "klag:owner";
        scene.until_all("everything to be recorded", 150, |watch| {
            ensure!(
                !watch.prometheus.now(last)?.is_empty(),
                "{}: not yet",
                watch.name
            );
            Ok(())
        })?;
        scene.begin = lab::wall_seconds();
        Ok(scene)
    }

    /// Lets the lag grow until `ask` succeeds, for at most `seconds`.
    fn until(
        &mut self,
        what: &str,
        seconds: u64,
        mut ask: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let waited = lab::wait_for(what, Duration::from_secs(seconds), || {
            self.lag.grow(self.pair.pods());
            ask(self)
        });
        waited.with_context(|| self.pair.logs())
    }

    fn until_all(
        &mut self,
        what: &str,
        seconds: u64,
        mut ask: impl FnMut(&Watch) -> Result<()>,
    ) -> Result<()> {
        self.until(what, seconds, |scene| {
            scene.watches.iter().try_for_each(&mut ask)
        })
    }

    /// Raises the lag, ends the leader while the alert waits, and checks that the alert fires.
    pub(crate) fn fail_over(&mut self, end: End, (leader, other): (usize, usize)) -> Result<()> {
        let begin = lab::wall_seconds();
        self.lag.raise();
        self.until_all("the alert to wait", 120, |watch| {
            let waits = watch.times(OURS, "pending", begin)?;
            ensure!(!waits.is_empty(), "{}: not yet", watch.name);
            Ok(())
        })?;
        let waited = Instant::now() + Duration::from_secs(3);
        self.until("a while", 10, |_| {
            ensure!(Instant::now() >= waited, "not yet");
            Ok(())
        })?;
        let ended = lab::wall_seconds();
        self.ended.push(ended);
        match end {
            End::Sigterm => drop(self.pair.pod(leader).terminate()?),
            End::Killed => self.pair.pod(leader).kill(&BOTH)?,
        }
        self.until("the other pod to act", 60, |scene| {
            ensure!(scene.pair.acting() == Some(other), "not yet");
            Ok(())
        })?;
        let without = lab::wall_seconds() - ended;
        self.pair.pod(leader).start_both()?;
        self.pair.wait_until_standing_by(leader)?;
        let limit = self.patience.as_secs() + 120;
        self.until_all("the alert to fire", limit, |watch| {
            watch.course(OURS, begin).map(drop)
        })?;
        for watch in &self.watches {
            let figures = self.judge(watch, begin, (ended, without))?;
            lab::say(format_args!("{end:?}, {}: {figures}", watch.name));
        }
        self.lag.end(self.pair.pods());
        self.until_all("the alert to end", 120, |watch| {
            let left = format!("ALERTS{{alertname=~\"{OURS}.*\"}}");
            let left = watch.prometheus.now(&left)?;
            ensure!(left.is_empty(), "{}: {left:?}", watch.name);
            Ok(())
        })
    }

    /// Checks that the alert fired on time, and that the values recorded in the meantime were as new as they could be.
    fn judge(&self, watch: &Watch, begin: f64, (ended, without): (f64, f64)) -> Result<String> {
        let Course { pending, fired } = watch.course(OURS, begin)?;
        ensure!(
            pending < ended && ended < fired,
            "it did not wait when the pod ended"
        );
        let (waited, patience) = (fired - pending, self.patience.as_secs_f64());
        let most = patience + ROUNDING + slack() * watch.step();
        ensure!(
            waited > patience - 0.1 && waited <= most,
            "{}: fired after {waited:.1} s",
            watch.name
        );
        // The comparison proves nothing unless the alert on the name without `klag:` has waited too.
        let waited_too = watch.times(DIRECT, "pending", begin)?;
        let direct = watch.times(DIRECT, "firing", begin)?;
        ensure!(
            waited_too.first().is_some_and(|at| *at < ended)
                && direct.first().is_none_or(|at| *at > fired),
            "{}: the alert on the family itself did not wait, or was not late",
            watch.name
        );
        let recorded = watch.recorded()?;
        let within = recorded.samples.iter();
        let within: Vec<_> = within
            .filter(|(at, _)| *at >= pending && *at <= fired)
            .collect();
        let back = within.windows(2).find(|two| two[0].1 > two[1].1);
        ensure!(
            back.is_none(),
            "{}: back to an older value: {back:?}",
            watch.name
        );
        let ages = within.iter().map(|sample| self.lag.age(**sample));
        let age = ages.fold(0.0, f64::max);
        // The oldest value is from before the time without a leader, a collection, a scrape and an evaluation.
        let oldest = without + slack() * (COLLECTED + watch.step());
        ensure!(age <= oldest, "{}: recorded {age:.1} s late", watch.name);
        Ok(format!(
            "{without:.1} s until the other pod acted; pending to firing {waited:.1} s, of {patience} s; fired {:.1} s after the \
             lag was there; lag recorded at most {age:.1} s late, {} samples",
            fired - begin,
            within.len()
        ))
    }

    /// Checks, in a run that is long enough, that a shipped alert fired on time despite the failovers.
    pub(crate) fn shipped_alert_has_fired(&mut self) -> Result<()> {
        if Length::from_env() == Length::Short {
            return Ok(());
        }
        let (alert, patience) = SHIPPED;
        self.until_all("our alert to fire", 400, |watch| {
            watch.course(alert, 0.0).map(drop)
        })?;
        for watch in &self.watches {
            let Course { pending, fired } = watch.course(alert, 0.0)?;
            let waited = fired - pending;
            let n = self
                .ended
                .iter()
                .filter(|at| **at > pending && **at < fired)
                .count();
            ensure!(n > 0, "no failover while it waited");
            ensure!(
                waited > patience - 0.1 && waited <= patience + ROUNDING + slack() * watch.step(),
                "{}: {alert} fired after {waited:.1} s",
                watch.name
            );
            lab::say(format_args!(
                "{alert}, {}: pending to firing {waited:.1} s, of {patience} s, with {n} failovers between",
                watch.name
            ));
        }
        Ok(())
    }

    /// Checks that no recorded series was ever absent, and that no unexpected alert fired.
    pub(crate) fn was_unbroken(&self) -> Result<()> {
        let run = (self.begin, lab::wall_seconds());
        // The comparison proves nothing unless the forgetful rules have a gap.
        let gap = self.forgetful.unbroken(run).err();
        let gap = gap.context("rules that remember too little have no gap either")?;
        lab::say(gap);
        for watch in &self.watches {
            let figures = watch.unbroken(run)?;
            lab::say(format_args!("{}: {figures}", watch.name));
            let up = watch.prometheus.samples("klag:kafka_lag_exporter_up")?;
            let down = up
                .iter()
                .flat_map(|it| &it.samples)
                .any(|(_, up)| *up < 1.0);
            ensure!(!down, "{}: up was 0", watch.name);
            let fired = watch.prometheus.samples("ALERTS{alertstate=\"firing\"}")?;
            let fired: BTreeSet<_> = fired
                .iter()
                .filter_map(|it| it.labels.get("alertname"))
                .collect();
            let may = [OURS, DIRECT, SHIPPED.0];
            ensure!(
                fired.iter().all(|it| may.contains(&it.as_str())),
                "{fired:?}"
            );
        }
        Ok(())
    }

    /// Checks that neither the observer of the pods nor any Prometheus ever saw series of both pods at once.
    pub(crate) fn never_two(&self) -> Result<()> {
        for watch in &self.watches {
            let (moves, n) = watch.moves()?;
            ensure!(moves == self.ended.len(), "{}: {moves} moves", watch.name);
            let (told, from) = watch.telemetry()?;
            ensure!(from == 4, "{}: telemetry from {from}", watch.name);
            lab::say(format_args!(
                "{}: {moves} moves in {n} samples of lag; {told} samples about who leads",
                watch.name
            ));
        }
        let history = self.pair.never_two()?;
        ensure!(history.moves() == self.ended.len(), "{history}");
        lab::say(&history);
        Ok(())
    }
}
