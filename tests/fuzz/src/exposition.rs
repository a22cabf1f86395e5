//! Names and numbers of a cluster, and the text of `/metrics` that is made of them.
//!
//! A case is a sequence of names and numbers. The property: the text is one gzip member; it is read, by a parser that is written from the
//! specification of the format, as the same families, labels and values as the text for other, harmless names; and the labels have the
//! names of the case.

mod cluster;
mod text_format;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use collector::collected::{ClusterDisplay, ClusterState, Collected};
use collector::exposition::{LagText, Published, RenderedCluster};
use collector::lag::compute;
use elector::answer::MetricValues;
use elector::lease_status::Problem;
use elector::telemetry::Telemetry;
use flate2::bufread::GzDecoder;
use shared::config::{LostPartitions, TimeLagMode};
use shared::leadership::{LeaderReport, State, StateReason};

use self::cluster::Described;
use self::text_format::{Series, parse};
use super::case::{Case, within};

const MODE: TimeLagMode = TimeLagMode::Message {
    timeout: Duration::ZERO,
    lost: LostPartitions::Read,
    max_clock_skew: Duration::from_secs(60),
};

/// The labels whose values are names of a case.
const NAMES: [&str; 7] = [
    "cluster_name",
    "planted",
    "topic",
    "group",
    "client_id",
    "consumer_id",
    "member_host",
];

/// Checks the property for one case.
///
/// # Panics
/// The property does not hold.
pub fn check(bytes: &[u8]) {
    let described = Described::of(&mut Case::new(bytes));
    let mut names = BTreeSet::new();
    described.clone().rename(|name| {
        names.insert(name.to_owned());
        name.to_owned()
    });
    let harmless = |name: &str| {
        let place = names.iter().position(|known| known == name);
        format!("n{:04}", place.expect("a name of the case"))
    };
    let mut expected = parse(&text_of(described.clone().rename(harmless)));
    let found = within((4 << 20) + 64 * bytes.len(), || text_of(described));
    let mut renamed: Vec<Series> = parse(&found)
        .into_iter()
        .map(|series| series.rename(&NAMES, harmless))
        .collect();
    renamed.sort();
    expected.sort();
    assert_eq!(renamed, expected);
    check_detail(&String::from_utf8_lossy(bytes));
}

/// Returns the text of `/metrics` for one cluster.
fn text_of(described: Described) -> String {
    let (cluster, snapshot) = described.into_snapshot();
    let collected = Collected {
        lag: compute(&snapshot, MODE, snapshot.read_at_ms),
        topics: snapshot.topics,
        unsupported: snapshot.unsupported,
    };
    rendered(cluster, collected)
}

fn rendered(cluster: ClusterDisplay, collected: Collected) -> String {
    let lag_text = LagText::of(&cluster, &collected);
    let state = ClusterState {
        collected: Some(Arc::new(collected)),
        opening: 1,
        ..ClusterState::new(cluster)
    };
    let cluster = RenderedCluster {
        state,
        lag_text: Some(Arc::new(lag_text)),
    };
    let published = Published::render(vec![cluster], 1);
    let mut text = String::new();
    let mut decoder = GzDecoder::new(&*published.gzip);
    decoder.read_to_string(&mut text).expect("gzip of UTF-8");
    assert!(decoder.into_inner().is_empty(), "one gzip member");
    text
}

/// Checks the label of the elector that has words about a problem.
fn check_detail(detail: &str) {
    thread_local! {
        static TELEMETRY: Telemetry = Telemetry::new().expect("the families are registered once");
    }
    let values = MetricValues {
        report: LeaderReport {
            is_leader: false,
            identity: "pod-a".to_owned(),
            name: detail.to_owned(),
            term: 0,
            valid_for_ms: 0,
            state: State::Blocked,
            reason: StateReason::Forbidden,
        },
        claim_left: Duration::ZERO,
        grant_left: Duration::ZERO,
        problem: Some(Problem {
            reason: StateReason::Forbidden,
            cause: "patch",
            detail: detail.to_owned(),
        }),
    };
    let text = TELEMETRY.with(|telemetry| telemetry.render(&values));
    let series = parse(&text.expect("the families are text"));
    let problems: Vec<_> = series
        .iter()
        .filter(|series| series.name.ends_with("problem_info"))
        .collect();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].labels.iter().any(|(_, value)| value == "patch"));
}
