//! Whatever error code brokers answer with, the collector says nothing false, leaves out no more than it has to, and counts
//! each unanswered question once.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::verdict::{self, Verdict};
use e2e::standin::{Api, Fault, GroupSpec, GroupState, MemberSpec, PartitionSpec, StandIn};
use e2e::trials::{self, Trial};

mod counts;

use counts::{CODES, label, questions};

const TOPICS: [&str; 3] = ["orders", "payments", "clicks"];
const PARTITIONS: usize = 6;
const GROUPS: usize = 12;
const LIMIT: Duration = Duration::from_secs(30);

const APIS: [Api; 8] = [
    Api::Metadata,
    Api::ListGroups,
    Api::OffsetFetch,
    Api::ListOffsets,
    Api::DescribeGroups,
    Api::ConsumerGroupDescribe,
    Api::DescribeConfigs,
    Api::Fetch,
];

type Errors = BTreeMap<(String, String), u64>;

/// The cluster, the collector, and what changes between cases.
struct Lab {
    kafka: StandIn,
    collector: Collector,
    turn: i64,
}

/// What was seen during one case.
#[derive(Default)]
struct Seen {
    n_collections: u64,
    n_scrapes: u64,
    errors: Errors,
    wrong: Vec<String>,
    last: Verdict,
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

#[test]
fn an_error_code_hides_what_it_is_about_and_nothing_else_and_is_counted_once() -> Result<()> {
    let trials = APIS.map(|api| Trial::new(format!("{api:?}"), move |_| every_code_on(api)));
    // Most of a case is waiting.
    trials::run_all(&trials, 3)
}

fn every_code_on(api: Api) -> Result<String> {
    let mut lab = Lab::start()?;
    let mut problems = Vec::new();
    let mut n_cases = 0;
    for (code, reason) in CODES {
        for share in [1.0, 0.05] {
            let case = format!("{api:?} {code} {share}");
            let seen = lab.case(api, Fault::error(api, code).share(share))?;
            problems.extend(seen.problems(&case, (api, reason), share));
            n_cases += 1;
        }
    }
    ensure!(lab.collector.ended()?.is_none(), "the collector has ended");
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(format!("{n_cases} cases"))
}

#[test]
fn a_partition_that_answers_with_an_error_hides_none_of_its_neighbours() -> Result<()> {
    let mut lab = Lab::start()?;
    let mut problems = Vec::new();
    for (code, reason) in CODES {
        let fault = Fault::error(Api::ListOffsets, code).for_partition("orders", 4);
        let seen = lab.case(Api::ListOffsets, fault)?;
        lab::say(format_args!(
            "orders-4 {code}: {} collections, {:?}, {:?} dark",
            seen.n_collections, seen.errors, seen.last.without_bounds
        ));
        let pair = ("list_offsets".to_owned(), reason.to_owned());
        let right = seen.last.without_bounds == [("orders".to_owned(), 4)].into()
            && seen.last.incomplete.len() == 4
            && seen.wrong.is_empty()
            && seen.errors == [(pair, seen.n_collections)].into();
        if !right {
            problems.push(format!("{code}: {:?} {:?}", seen.errors, seen.last));
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

// === impl Lab ===

impl Lab {
    fn start() -> Result<Self> {
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

    /// Makes the collector ask again about what it may keep: members, and records.
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

    /// Lets the fault happen during some collections, and waits until all is well again.
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

// === impl Seen ===

impl Seen {
    fn problems(&self, case: &str, (api, reason): (Api, &str), share: f64) -> Vec<String> {
        let Self {
            n_collections,
            n_scrapes,
            errors,
            wrong,
            last,
        } = self;
        lab::say(format_args!(
            "{case}: {n_collections} collections, {n_scrapes} scrapes, {} wrong, {errors:?}, {} absent, {} incomplete, {} dark, {} undated",
            wrong.len(),
            last.absent.len(),
            last.incomplete.len(),
            last.without_bounds.len(),
            last.undated
        ));
        let mut problems: Vec<String> = wrong.iter().take(2).cloned().collect();
        let label = label(api);
        // What librdkafka retries by itself until time is out is told as that.
        let late = [(Api::ListOffsets, "timeout"), (Api::Fetch, "deadline")];
        // What cannot be described as a KIP-848 group costs the connection, lest librdkafka parse it as a classic one. Here that is
        // every broker's, four times a second, and metadata may have to wait for one.
        let is_cut = api == Api::ConsumerGroupDescribe && reason == "group_not_found";
        for (pair, n) in errors {
            let is_late = late.contains(&(api, &*pair.1));
            if is_cut && pair.0 == "metadata" && pair.1 == "timeout" {
                continue;
            }
            if pair.0 != label || (pair.1 != reason && !is_late) {
                problems.push(format!("{n} errors under {pair:?}"));
            }
        }
        let pair = (label.to_owned(), reason.to_owned());
        let counted = errors.get(&pair).copied().unwrap_or_default();
        let all = questions(api) * n_collections;
        let is_late = errors
            .keys()
            .any(|(_, reason)| late.contains(&(api, reason)));
        if counted > all {
            problems.push(format!("{counted} errors, of {all} questions"));
        }
        let denied = api == Api::Fetch && reason == "authorization";
        if share >= 1.0 && !is_late && !denied && counted != all {
            problems.push(format!("{counted} errors, not {all}"));
        }
        // Without its members no group is known to be complete, but all of its lag is.
        let describes = matches!(api, Api::DescribeGroups | Api::ConsumerGroupDescribe);
        let n_incomplete = if describes { 0 } else { last.incomplete.len() };
        let hidden = n_incomplete + last.without_bounds.len();
        let hides = matches!(api, Api::Metadata | Api::OffsetFetch | Api::ListOffsets);
        if !last.absent.is_empty() || (hidden > 0 && !hides) {
            problems.push(format!("too much is hidden: {last:?}"));
        }
        problems
            .iter()
            .map(|what| format!("{case}: {what}"))
            .collect()
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
