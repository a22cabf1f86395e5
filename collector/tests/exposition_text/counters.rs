//! Tests of the counters of failures and of collections.

use collector::collected::{ClusterState, Counters, Outcome};
use collector::snapshot::{Api, Failure, Reason, Unknown};

use crate::clusters::{rendered, stale, text_of};
use crate::parse::{parse, value};

#[test]
fn every_failure_counts_once_and_its_consequences_do_not() {
    let mut counters = Counters::default();
    let failures = [
        Reason::Timeout,
        Reason::Timeout,
        Reason::GivenUp,
        Reason::NotAsked,
        Reason::OlderThanHistory,
    ];
    let failures = failures.map(|reason| Failure {
        unknown: Unknown::new(Api::ListOffsets, reason),
        subject: "broker 1".into(),
    });
    counters.count_failures(&failures);
    let families = parse(&text_of(&[rendered(ClusterState {
        counters,
        ..stale("c")
    })]));
    let errors = families
        .iter()
        .find(|family| family.name == "kafka_lag_exporter_errors_total")
        .unwrap();
    let counted = errors.samples.iter().filter(|(_, count)| *count > 0.0);
    let counted: Vec<_> = counted
        .map(|(labels, count)| (&*labels["reason"], *count))
        .collect();
    assert_eq!(counted, [("timeout", 2.0)]);
}

#[test]
fn every_expected_error_stands_at_zero_and_an_unexpected_one_appears() {
    let errors = |counters| {
        let families = parse(&text_of(&[rendered(ClusterState {
            counters,
            ..stale("c")
        })]));
        let errors = families
            .into_iter()
            .find(|family| family.name == "kafka_lag_exporter_errors_total");
        errors.unwrap().samples
    };
    let at_start = errors(Counters::default());
    assert!(at_start.iter().all(|(_, count)| *count == 0.0));
    for reason in Reason::ALL {
        let has = at_start
            .iter()
            .any(|(labels, _)| labels["reason"] == reason.label());
        assert!(has, "{reason:?} is expected of some api");
    }
    for api in Api::ALL {
        let has = at_start
            .iter()
            .any(|(labels, _)| labels["api"] == api.label());
        assert!(has, "something is expected of {api:?}");
    }
    let mut counters = Counters::default();
    let odd = Unknown::new(Api::Fetch, Reason::GroupNotFound);
    counters.count_failures(&[Failure {
        unknown: odd,
        subject: String::new(),
    }]);
    assert_eq!(errors(counters).len(), at_start.len() + 1);
}

#[test]
fn every_outcome_is_counted_from_zero() {
    let mut counters = Counters::default();
    counters.count_collection(Outcome::Abandoned);
    let families = parse(&text_of(&[rendered(ClusterState {
        counters,
        ..stale("c")
    })]));
    for outcome in Outcome::ALL {
        let result = [("result", outcome.label())];
        let count = value(&families, "kafka_lag_exporter_collections_total", &result);
        assert_eq!(
            count,
            Some(if outcome == Outcome::Abandoned {
                1.0
            } else {
                0.0
            })
        );
    }
}
