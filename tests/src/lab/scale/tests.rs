use super::*;
use crate::lab::prom;

/// One group, which has committed offset 0 of one partition with 10 records.
const SMALL: Scale = Scale {
    topics: 1,
    partitions: 1,
    records: 10,
    groups: 1,
    width: 1,
};

fn judged(samples: &[(&str, &str)]) -> ScaleFindings {
    let mut text = String::new();
    for (series, value) in samples {
        let name = series.split('{').next().unwrap();
        text += &["# HELP ", name, " Help.\n# TYPE ", name, " gauge\n"].concat();
        text += &[series, " ", value, "\n"].concat();
    }
    let shown = prom::parse(&text).unwrap();
    SMALL.judge(&shown, BASE + 100.0).unwrap()
}

const UP: (&str, &str) = ("kafka_lag_exporter_up", "1");
const GROUP: &str = r#"{group="s-g0000"}"#;
const ROW: &str = r#"{group="s-g0000",topic="s-t0000",partition="0"}"#;

fn complete(sum: &str, lag: &str) -> ScaleFindings {
    judged(&[
        UP,
        (&format!("kafka_consumergroup_group_complete{GROUP}"), "1"),
        (&format!("kafka_consumergroup_group_sum_lag{GROUP}"), sum),
        (&format!("kafka_consumergroup_group_max_lag{GROUP}"), "10"),
        (&format!("kafka_consumergroup_group_lag{ROW}"), lag),
    ])
}

#[test]
fn the_truth_is_not_faulted() {
    let verdict = complete("10", "10");
    assert_eq!((verdict.complete, verdict.silent), (1, 0));
    assert!(verdict.wrong.is_empty(), "{:?}", verdict.wrong);
}

#[test]
fn a_wrong_lag_and_a_wrong_sum_are_found() {
    assert_eq!(complete("10", "0").wrong.len(), 1);
    assert_eq!(complete("9", "10").wrong.len(), 1);
}

#[test]
fn a_group_without_a_word_is_silent_only_while_the_cluster_is_up() {
    assert_eq!(judged(&[UP]).silent, 1);
    assert_eq!(judged(&[("kafka_lag_exporter_up", "0")]).silent, 0);
}

#[test]
fn a_complete_group_shows_all_of_its_rows_and_an_incomplete_one_no_sum() {
    let name = format!("kafka_consumergroup_group_complete{GROUP}");
    // A complete group lacks its sum, its maximum and the lag of its only partition.
    assert_eq!(judged(&[UP, (&name, "1")]).wrong.len(), 3);
    assert!(judged(&[UP, (&name, "0")]).wrong.is_empty());
    let sum = format!("kafka_consumergroup_group_sum_lag{GROUP}");
    assert_eq!(judged(&[UP, (&name, "0"), (&sum, "10")]).wrong.len(), 1);
}

#[test]
fn a_time_lag_of_another_record_is_found_when_it_is_far_off() {
    let row = format!("kafka_consumergroup_group_lag_seconds{ROW}");
    assert!(
        judged(&[("kafka_lag_exporter_up", "0"), (&row, "95")])
            .wrong
            .is_empty()
    );
    assert_eq!(
        judged(&[("kafka_lag_exporter_up", "0"), (&row, "0")])
            .wrong
            .len(),
        1
    );
}
