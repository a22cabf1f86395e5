//! Pods that export nothing: electors without any right, and collectors that cannot reach Kafka. They stay up and report the reason, and
//! the alerts of `manifests/alerts` fire on their metrics, which are recorded here and given to promtool.
//!
//! In a full run a real Prometheus scrapes the pods as well, with the rules as they are shipped and at the intervals of the
//! manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::host::TempDir;
use e2e::lab::http::{self, Coding};
use e2e::lab::kubernetes::{Kube, Lease, Rights};
use e2e::lab::pod::{BOTH, Part};
use e2e::lab::prom::Labels;
use e2e::lab::prometheus::{Intervals, Prometheus, jobs};
use e2e::lab::{self, ControlPlane, Length, PairPlan, Pod};
use e2e::manifests::{self, tools};
use e2e::trials::{self, Trial};

/// The lease duration and the grace period, in seconds.
const DURATIONS: (u64, u64) = (6, 2);
const LIMIT: Duration = Duration::from_secs(30);
const RULES: &str = "alerts/klag-exporter.rules.yaml";

/// The time from one scrape or evaluation to the next in the manifests, in seconds.
const INTERVAL: u32 = 30;

/// An alert that must fire: its name, the number of its instances, and the seconds after which it fires.
type Expected = (&'static str, usize, u32);

/// The values of series at one moment, by name and labels as they are written in the text format.
type Recording = BTreeMap<String, f64>;

/// Records all metrics of the pods as they are now, under the names and labels that Prometheus would give them.
fn record(pods: [&Pod; 2]) -> Result<Recording> {
    let mut recording = Recording::new();
    for job in jobs(&pods) {
        for (port, instance) in job.ports.into_iter().zip(["a", "b"]) {
            let text = http::get(port, job.path, Coding::Plain, LIMIT)?.text()?;
            let labels = format!("job=\"{}\",instance=\"{instance}\"", job.name);
            for line in text.lines().filter(|line| line.starts_with("kafka_")) {
                let (series, value) = line.rsplit_once(' ').context("no value")?;
                let series = match series.split_once('{') {
                    Some((name, rest)) => format!("{name}{{{labels},{rest}"),
                    None => format!("{series}{{{labels}}}"),
                };
                recording.insert(series, value.parse()?);
            }
        }
    }
    Ok(recording)
}

fn is_counter(series: &str) -> bool {
    let name = series.split('{').next().unwrap_or_default();
    let ends = ["_total", "_bucket", "_count", "_sum"];
    ends.iter().any(|end| name.ends_with(end))
}

/// Returns a test for promtool: gauges stay as they were recorded, and counters keep growing at the rate between the two
/// recordings, which were `apart` seconds apart.
fn unit_test(
    (one, other): (&Recording, &Recording),
    apart: f64,
    expected: &[Expected],
) -> Result<String> {
    let rules = manifests::root().join(RULES).canonicalize()?;
    let mut text = format!(
        "rule_files: ['{}']\nevaluation_interval: 30s\n\
         group_eval_order: [klag-exporter-recording, klag-exporter-budgets, klag-exporter-groups, klag-exporter-itself]\n\
         tests:\n- interval: {INTERVAL}s\n  input_series:\n",
        rules.display()
    );
    for (series, value) in other {
        let grown = match one.get(series) {
            Some(before) if is_counter(series) => (value - before) / apart * f64::from(INTERVAL),
            _ => 0.0,
        };
        let series = series.replace('\'', "''");
        writeln!(
            text,
            "  - {{series: '{series}', values: '{value}+{grown}x60'}}"
        )?;
    }
    text += "  promql_expr_test:\n";
    let mut times: BTreeSet<u32> = expected.iter().map(|(_, _, after)| *after).collect();
    times.extend(times.clone().iter().map(|after| after - INTERVAL));
    times.insert(1500);
    for time in times {
        writeln!(
            text,
            "  - expr: count by (alertname) (ALERTS{{alertstate=\"firing\"}})\n    eval_time: {time}s\n    exp_samples:"
        )?;
        for (alert, n, _) in expected.iter().filter(|(_, _, after)| *after <= time) {
            writeln!(
                text,
                "    - {{labels: '{{alertname=\"{alert}\"}}', value: {n}}}"
            )?;
        }
    }
    Ok(text)
}

/// Checks with promtool that on the recorded metrics exactly the expected alerts fire, and not before their time.
fn promtool_agrees(pods: [&Pod; 2], expected: &[Expected]) -> Result<usize> {
    let apart = Duration::from_secs(10);
    let before = record(pods)?;
    lab::pause(apart);
    let after = record(pods)?;
    let text = unit_test((&before, &after), apart.as_secs_f64(), expected)?;
    let scratch = TempDir::new("recorded")?;
    let file = scratch
        .write("recorded.test.yaml", &text)?
        .display()
        .to_string();
    tools::run("promtool", &["test", "rules", &file]).with_context(|| text)?;
    Ok(after.len())
}

/// Checks that a Prometheus sees exactly the expected alerts fire, each after the time that it must wait.
fn prometheus_agrees(pods: [&Pod; 2], expected: &[Expected]) -> Result<String> {
    let interval = Duration::from_secs(INTERVAL.into());
    let intervals = Intervals {
        scrape: interval,
        evaluation: interval,
    };
    let rules = manifests::read(RULES)?;
    let prometheus = Prometheus::start(intervals, &jobs(&pods), &[&rules])?;
    let longest = expected.iter().map(|(_, _, after)| *after).max();
    // Prometheus runs for at least five minutes, even if the expected alerts fire sooner, and three intervals for scraping and
    // evaluation: an unexpected alert that waits for up to five minutes would fire in this time. Alerts that wait longer are not
    // checked here.
    let seconds = longest.unwrap_or_default().max(300) + 3 * INTERVAL;
    lab::pause(Duration::from_secs(seconds.into()));
    let fired = fired(&prometheus)?;
    let seen: BTreeMap<_, _> = fired
        .iter()
        .map(|(name, all)| (&**name, all.len()))
        .collect();
    let wanted = expected.iter().map(|(name, n, _)| (*name, *n));
    ensure!(seen == wanted.collect(), "{fired:?}");
    for (name, _, after) in expected {
        let after = f64::from(*after);
        // `ALERTS_FOR_STATE` has whole seconds, so an alert may seem to have waited up to a second longer.
        let bounds = after - 0.1..after + 1.0 + 2.0 * f64::from(INTERVAL);
        let on_time = fired[*name].iter().all(|waited| bounds.contains(waited));
        ensure!(on_time, "{name}: {fired:?}");
    }
    let figures = fired.iter().map(|(name, all)| format!("{name} {all:.1?}"));
    Ok(figures.collect::<Vec<_>>().join(", "))
}

/// Returns the seconds for which each alert that has fired had waited, by the alert's name.
fn fired(prometheus: &Prometheus) -> Result<BTreeMap<String, Vec<f64>>> {
    let only = |mut labels: Labels| {
        labels.retain(|name, _| !["__name__", "alertstate"].contains(&name.as_str()));
        labels
    };
    // `ALERTS_FOR_STATE` has the time since which an alert waits.
    let book = prometheus.samples("ALERTS_FOR_STATE")?;
    let began = book
        .into_iter()
        .map(|it| (only(it.labels), it.samples[0].1));
    let began: BTreeMap<_, _> = began.collect();
    let mut fired = BTreeMap::<_, Vec<_>>::new();
    for series in prometheus.samples("ALERTS{alertstate=\"firing\"}")? {
        let labels = only(series.labels);
        let since = began.get(&labels).context("it did not wait")?;
        let waited = series.samples[0].0 - since;
        let name = labels["alertname"].clone();
        fired.entry(name).or_default().push(waited);
    }
    Ok(fired)
}

/// Checks that all started containers run, and that exactly the expected alerts fire.
fn alerts(mut pods: [Pod; 2], expected: &[Expected]) -> Result<String> {
    let [one, other] = &pods;
    let n = promtool_agrees([one, other], expected)?;
    let mut figures = format!("{n} recorded series; promtool: {expected:?}");
    if Length::from_env() == Length::Full {
        let fired = prometheus_agrees([one, other], expected)?;
        write!(
            figures,
            "; Prometheus, seconds from pending to firing: {fired}"
        )?;
    }
    for pod in &mut pods {
        for part in BOTH {
            // Waiting for a line of the log fails if the container has ended.
            pod.wait_for_log(part, "Serving HTTP", LIMIT)?;
        }
    }
    Ok(figures)
}

/// Starts two pods; `before` is called with each pod before the pod starts.
fn pods(
    kube: &Kube,
    pair_plan: &PairPlan,
    before: impl Fn(&Pod) -> Result<()>,
) -> Result<[Pod; 2]> {
    let mut pods = [pair_plan.pod(kube, 0)?, pair_plan.pod(kube, 1)?];
    for pod in &mut pods {
        before(pod)?;
        pod.start_both()?;
    }
    Ok(pods)
}

fn no_rights(kube: &Kube, name: &str) -> Result<String> {
    let pair_plan = PairPlan {
        rights: Rights::none(),
        ..PairPlan::of(name, DURATIONS)
    };
    let mut pods = pods(kube, &pair_plan, |_| Ok(()))?;
    for pod in &mut pods {
        let why = "reason=\"forbidden\"";
        pod.wait_for_log(Part::Elector, why, LIMIT)?;
        let why = "state=\"blocked\" reason=\"forbidden\"";
        pod.wait_for_log(Part::Collector, why, LIMIT)?;
    }
    let expected = [
        ("KafkaLagExporterNoLeader", 1, 120),
        ("KafkaLagExporterCannotLead", 2, 300),
    ];
    alerts(pods, &expected)
}

fn no_kafka(kube: &Kube, name: &str) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Lease::of(kube, name).create_released()?;
    let mut pods = pods(kube, &PairPlan::of(name, DURATIONS), |pod| {
        runtime.block_on(pod.kafka().stop_node(1));
        Ok(())
    })?;
    let failed = "kafka_lag_exporter_up{cluster_name=\"lab\"} 0";
    lab::wait_for("a collection to fail", LIMIT, || {
        let told = pods
            .iter()
            .map(|pod| http::get(pod.port(), "/metrics", Coding::Plain, LIMIT)?.text());
        let told = told.collect::<Result<String>>()?;
        ensure!(told.contains(failed), "{told}");
        ensure!(told.contains("reason=\"transport\""), "{told}");
        Ok(())
    })?;
    let leader = usize::from(!pods[0].acts()?);
    let why = "Kafka connection trouble reason=\"transport\"";
    pods[leader].wait_for_log(Part::Collector, why, LIMIT)?;
    alerts(pods, &[("KafkaLagCollectionFailing", 1, 300)])
}

#[test]
fn pods_of_which_nothing_comes_stay_up_and_say_why_and_alerts_fire() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let kube = plane.kube();
    let all = [
        Trial::new("alerts-no-rights", |name| no_rights(kube, name)),
        Trial::new("alerts-no-kafka", |name| no_kafka(kube, name)),
    ];
    trials::run_all(&all, 2)
}
