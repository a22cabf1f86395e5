//! A stand-in cluster and a collector, in which one fault after the other happens.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::verdict::{self, Verdict};
use e2e::standin::{Api, Fault, GroupSpec, GroupState, MemberSpec, PartitionSpec, StandIn};

use super::seen::{Errors, Seen};

const TOPICS: [&str; 3] = ["orders", "payments", "clicks"];
const PARTITIONS: usize = 6;
const GROUPS: usize = 12;
const LIMIT: Duration = Duration::from_secs(30);

/// The number of times that a case may begin anew.
const REPETITIONS: usize = 5;

/// The cluster, the collector, and the values that change between cases.
pub(crate) struct Lab {
    kafka: StandIn,
    pub(crate) collector: Collector,
    turn: i64,
}

fn name(group: usize) -> String {
    format!("group-{group:02}")
}

fn committed(group: usize, partition: i32, turn: i64) -> i64 {
    let group = i64::try_from(group).expect("few groups");
    100 + 37 * group + i64::from(partition) + turn
}

fn group(index: usize) -> GroupSpec {
    let topic = TOPICS[index % 3];
    let spec = match index % 4 {
        3 => GroupSpec::consumer(),
        _ => GroupSpec::classic(),
    };
    let node = i32::try_from(index % 3).expect("three nodes") + 1;
    let spec = (0..)
        .take(PARTITIONS)
        .fold(spec.coordinated_by(node), |spec, p| {
            spec.committed(topic, p, committed(index, p, 0))
        });
    let member = MemberSpec::new("reader").assigned(topic, (0..).take(PARTITIONS));
    spec.member(member)
}

// === impl Lab ===

impl Lab {
    pub(crate) fn start() -> Result<Self> {
        let mut builder = StandIn::builder();
        for topic in TOPICS {
            builder = builder.topic(topic, PARTITIONS, |p| {
                PartitionSpec::ending_at(1_000_000 + i64::from(p) * 10).starting_at(50)
            });
        }
        for index in 0..GROUPS {
            builder = builder.group(&name(index), group(index));
        }
        let kafka = tokio::runtime::Runtime::new()?.block_on(builder.start());
        let config = Config::of(&kafka.bootstrap())
            .every(Duration::from_millis(250))
            .performance("metadata_cache_ttl", "1ms")
            .performance("compacted_topics_cache_ttl", "1ms");
        let collector = Collector::start(&config)?;
        let first = collector.wait_until_complete(LIMIT)?;
        let lab = Self {
            kafka,
            collector,
            turn: 0,
        };
        let verdict = lab.judge(&first);
        ensure!(verdict.is_whole() && verdict.undated == 0, "{verdict:?}");
        Ok(lab)
    }

    fn judge(&self, metrics: &Exposition) -> Verdict {
        let written = |offset| 1_700_000_000_000 + offset * 1000;
        verdict::judge(
            (metrics, lab::config::CLUSTER),
            &self.kafka.expected(),
            (written, lab::wall_seconds()),
        )
    }

    /// Changes every group, so that the collector asks again for members and records, which it may otherwise keep.
    fn change(&mut self) {
        self.turn += 1;
        for index in 0..GROUPS {
            let group = name(index);
            let state = match (self.turn % 2, index % 4) {
                (0, _) => GroupState::Stable,
                (_, 3) => GroupState::Reconciling,
                _ => GroupState::PreparingRebalance,
            };
            self.kafka.set_group_state(&group, state);
            for p in (0..).take(PARTITIONS) {
                let offset = committed(index, p, self.turn);
                self.kafka.commit(&group, TOPICS[index % 3], (p, offset));
            }
        }
    }

    /// Runs one case, anew if requests time out for another reason than the fault.
    ///
    /// At this poll interval a request has half a second, and metadata a quarter. On a busy machine this time may run out, even while
    /// librdkafka repeats a request by itself. Such a case begins anew; wrong values that were seen in it count all the same.
    pub(crate) fn undisturbed_case(
        &mut self,
        (api, reason): (Api, &str),
        fault: &Fault,
    ) -> Result<Seen> {
        let mut wrong_before = Vec::new();
        for _ in 0..REPETITIONS {
            let seen = self.case(api, fault.clone())?;
            if !seen.is_disturbed((api, reason)) {
                return Ok(Seen {
                    wrong_before,
                    ..seen
                });
            }
            wrong_before.extend(seen.wrong);
        }
        let seen = self.case(api, fault.clone())?;
        Ok(Seen {
            wrong_before,
            ..seen
        })
    }

    /// Injects the fault during some collections, and waits until everything is well again. Returns what was seen meanwhile.
    fn case(&mut self, api: Api, fault: Fault) -> Result<Seen> {
        if matches!(
            api,
            Api::Fetch | Api::DescribeGroups | Api::ConsumerGroupDescribe
        ) {
            self.kafka.inject(fault);
            self.change();
        } else {
            self.kafka.inject(fault);
        }
        let begin = n_collections(&self.collector.metrics()?);
        let mut before = self
            .collector
            .wait_for("two collections", LIMIT, |metrics| {
                ensure!(n_collections(metrics) >= begin + 2, "not yet");
                Ok(())
            })?;
        let first = before.clone();
        let mut seen = Seen::default();
        while n_collections(&before) < n_collections(&first) + 3 {
            lab::pause(Duration::from_millis(40));
            let metrics = self.collector.metrics()?;
            seen.last = self.judge(&metrics);
            seen.n_scrapes += 1;
            seen.wrong.append(&mut seen.last.wrong);
            before = metrics;
        }
        seen.n_collections = n_collections(&before) - n_collections(&first);
        let (earlier, later) = (errors(&first), errors(&before));
        for (pair, n) in later {
            let more = n - earlier.get(&pair).copied().unwrap_or_default();
            if more > 0 {
                seen.errors.insert(pair, more);
            }
        }
        self.kafka.clear_faults();
        let complete = Collector::collections(&before, "complete");
        self.collector
            .wait_for("a whole collection", LIMIT, |metrics| {
                let n = Collector::collections(metrics, "complete");
                ensure!(n >= complete + 2, "{n} complete, {complete} before");
                let verdict = self.judge(metrics);
                ensure!(verdict.is_whole(), "{verdict:?}");
                Ok(())
            })?;
        Ok(seen)
    }
}

fn n_collections(metrics: &Exposition) -> u64 {
    metrics.count("kafka_lag_exporter_collections_total", [])
}

fn errors(metrics: &Exposition) -> Errors {
    let series = metrics.series("kafka_lag_exporter_errors_total");
    series
        .map(|(labels, _)| {
            let (api, reason) = (labels["api"].clone(), labels["reason"].clone());
            let n = metrics.count(
                "kafka_lag_exporter_errors_total",
                [("api", &*api), ("reason", &*reason)],
            );
            ((api, reason), n)
        })
        .collect()
}
