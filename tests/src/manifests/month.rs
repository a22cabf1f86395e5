//! A simulated month of a cluster, a minute at a time: fifty healthy groups of every kind, deploys of all of them and of the
//! exporter twice a day, and faults at known times. The month is written as a test for promtool, which evaluates the rules of
//! `manifests/alerts` on it.

mod faults;
mod groups;
mod text;

use std::fmt::Write as _;

use self::groups::{Minute, MonthGroup};
use self::text::{present, values};

pub use self::faults::{MonthFault, faults};

/// The minutes of a day.
pub const DAY: usize = 24 * 60;

/// The minutes after midnight at which everything is deployed.
const DEPLOYS: [usize; 2] = [10 * 60, 16 * 60];

/// Alerts that report faults, each with the alerts that may fire too because of the same fault.
const FOLLOWING: [(&str, &[&str]); 2] = [
    (
        "KafkaGroupLate",
        &[
            "KafkaGroupLagGrowing",
            "KafkaGroupBurnsBudgetFast",
            "KafkaGroupBurnsBudgetSlow",
        ],
    ),
    (
        "KafkaGroupStuck",
        &[
            "KafkaGroupLate",
            "KafkaGroupLagGrowing",
            "KafkaGroupBurnsBudgetFast",
            "KafkaGroupBurnsBudgetSlow",
        ],
    ),
];

/// A function that takes the value of a family's sample from a group's minute.
type Value = fn(&Minute) -> f64;

/// The groups and the faults of a number of days.
#[derive(Debug)]
pub struct Month {
    minutes: usize,
    groups: Vec<MonthGroup>,
    faults: Vec<MonthFault>,
}

// === impl Month ===

impl Month {
    /// Returns a month of `days` days, with the faults that begin and end within them.
    pub fn of(days: usize) -> Self {
        let minutes = days * DAY;
        let faults: Vec<MonthFault> = faults()
            .into_iter()
            .filter(|fault| fault.begin + fault.length < minutes)
            .collect();
        let mut groups = groups::all(minutes);
        for fault in &faults {
            fault.apply(&mut groups);
        }
        Self {
            minutes,
            groups,
            faults,
        }
    }

    /// Returns the faults of the month.
    pub fn faults(&self) -> &[MonthFault] {
        &self.faults
    }

    /// Returns a test for promtool, in YAML, that uses these files of rules.
    pub fn unit_test(&self, rules: &[&str]) -> String {
        let rules = rules.iter().map(|file| format!("'{file}'"));
        let rules = rules.collect::<Vec<_>>().join(", ");
        let mut test = format!(
            "rule_files: [{rules}]\nevaluation_interval: 1m\n\
             group_eval_order: [klag-exporter-recording, own-budgets, klag-exporter-budgets, klag-exporter-groups, klag-exporter-itself]\n\
             tests:\n- interval: 1m\n  input_series:\n"
        );
        self.write_exporter(&mut test);
        for group in &self.groups {
            self.write_group(&mut test, group);
        }
        test += "  promql_expr_test:\n";
        self.write_expected(&mut test);
        test
    }

    /// Returns the index of the pod whose lag is scraped at this minute; `None` during a deploy or while no leader is seen.
    fn leader(&self, minute: usize) -> Option<usize> {
        let (day, of_day) = (minute / DAY, minute % DAY);
        if DEPLOYS.contains(&of_day) || self.is_in("KafkaLagExporterLeaderUnseen", minute) {
            return None;
        }
        let deployed = DEPLOYS.iter().filter(|at| **at < of_day).count();
        Some((day * DEPLOYS.len() + deployed) % 2)
    }

    /// Returns true if the cluster itself has a fault at this minute that `alert` must report.
    fn is_in(&self, alert: &str, minute: usize) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|fault| fault.alert == alert && fault.group.is_none() && fault.covers(minute))
    }

    fn write(&self, test: &mut String, series: (&str, &str), at: impl Fn(usize) -> Option<f64>) {
        let (name, labels) = series;
        for (i, pod) in ["a", "b"].into_iter().enumerate() {
            let of_pod = |minute| {
                (self.leader(minute) == Some(i))
                    .then(|| at(minute))
                    .flatten()
            };
            let samples: Vec<_> = (0..self.minutes).map(of_pod).collect();
            if present(&samples) {
                let labels = format!(
                    "namespace=\"monitoring\",job=\"klag-exporter\",instance=\"{pod}\"{labels}"
                );
                let samples = values(&samples);
                writeln!(
                    test,
                    "  - {{series: '{name}{{{labels}}}', values: '{samples}'}}"
                )
                .expect("a string takes everything");
            }
        }
    }

    fn write_exporter(&self, test: &mut String) {
        let cluster = ",cluster_name=\"production\"";
        let down = |minute| self.is_in("KafkaLagCollectionFailing", minute);
        self.write(test, ("kafka_lag_exporter_leader_term", ""), |_| Some(7.0));
        self.write(test, ("kafka_lag_exporter_up", cluster), |minute| {
            Some(if down(minute) { 0.0 } else { 1.0 })
        });
        let lost = "kafka_lag_exporter_data_loss_partitions_total";
        self.write(test, (lost, cluster), |minute| {
            (!down(minute)).then_some(0.0)
        });
        for (i, pod) in ["a", "b"].into_iter().enumerate() {
            let leads = |minute: usize| {
                let unseen = self.is_in("KafkaLagExporterLeaderUnseen", minute);
                let leader = self.leader(minute).or(unseen.then_some(0));
                Some(if leader == Some(i) { 1.0 } else { 0.0 })
            };
            let samples = values(&(0..self.minutes).map(leads).collect::<Vec<_>>());
            let labels = format!(
                "namespace=\"monitoring\",job=\"klag-exporter-telemetry\",instance=\"{pod}\""
            );
            writeln!(
                test,
                "  - {{series: 'kafka_lag_exporter_leader{{{labels}}}', values: '{samples}'}}"
            )
            .expect("a string takes everything");
        }
    }

    fn write_group(&self, test: &mut String, group: &MonthGroup) {
        let of_group = format!(",cluster_name=\"production\",group=\"{}\"", group.name);
        let of_topic = format!("{of_group},topic=\"{}\"", group.topic);
        let families: [(&str, &str, Value); 8] = [
            ("state", &of_group, |now| f64::from(now.state)),
            ("members", &of_group, |now| f64::from(now.members)),
            ("complete", &of_group, |_| 1.0),
            ("max_lag", &of_group, |now| now.lag),
            ("max_lag_seconds", &of_group, |now| now.lag_seconds),
            ("sum_messages_lost", &of_group, |now| now.lost),
            ("topic_max_lag_seconds", &of_topic, |now| now.lag_seconds),
            ("topic_min_retention_margin", &of_topic, |now| now.margin),
        ];
        for (family, labels, value) in families {
            let name = format!("kafka_consumergroup_group_{family}");
            self.write(test, (&name, labels), |minute| {
                let down = self.is_in("KafkaLagCollectionFailing", minute);
                let now = group.minutes[minute].as_ref().filter(|_| !down)?;
                Some(value(now))
            });
        }
    }

    fn write_expected(&self, test: &mut String) {
        let mut write = |query: &str, minute: usize, samples: &[String]| {
            let samples = samples.join(", ");
            writeln!(
                test,
                "  - {{expr: '{query}', eval_time: {minute}m, exp_samples: [{samples}]}}"
            )
            .expect("a string takes everything");
        };
        let firing = "alertstate=\"firing\",severity!=\"info\"";
        for fault in &self.faults {
            let of_group = fault.group.as_deref().unwrap_or_default();
            let (alert, begin) = (fault.alert, fault.begin);
            let query = format!(
                "count(max_over_time(ALERTS{{{firing},alertname=\"{alert}\",group=\"{of_group}\"}}[{}m]))",
                fault.within
            );
            write(&query, begin + fault.within, &["{value: 1}".to_owned()]);
            let any = format!("alertname=\"{alert}\",group=\"{of_group}\"");
            let query = format!("count(max_over_time(ALERTS{{{firing},{any}}}[{begin}m]))");
            write(&query, begin, &[]);
        }
        // No alert may fire at any time, except those that the faults cause.
        let of_faults = self.faults.iter().map(|fault| {
            let following = FOLLOWING.iter().filter(|(alert, _)| *alert == fault.alert);
            let following = following.flat_map(|(_, following)| *following).copied();
            let alerts = following.chain([fault.alert]).collect::<Vec<_>>().join("|");
            let group = fault.group.as_deref().unwrap_or_default();
            format!(
                "unless max_over_time(ALERTS{{alertname=~\"{alerts}\",group=\"{group}\"}}[{}m])",
                self.minutes
            )
        });
        let of_faults = of_faults.collect::<Vec<_>>().join(" ");
        let query = format!(
            "max_over_time(ALERTS{{{firing}}}[{}m]) {of_faults}",
            self.minutes
        );
        write(&query, self.minutes - 1, &[]);
    }
}
