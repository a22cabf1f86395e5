use super::values::{Brokers, compare};
use super::*;
use crate::soak::shown::{Row, Shown, ShownGroup, Tp};

/// The window in which the collection of [`right`] was made, in milliseconds since 1970, and its end in seconds.
const WINDOW: (u64, u64) = (1_000_000, 1_001_000);

/// Returns the truth about a topic with one partition, which was written at 900 s and at 990 s, and a group that has read the first
/// of it.
fn truth() -> Truth {
    let mut truth = Truth::default();
    for line in [
        "J topic+ 800000 orders 0 1",
        "J topic= 800100 orders 0 1",
        "J w 900000 orders 0 0:10",
        "J W 900050 orders 0 900000 0:0:10",
        "J w 990000 orders 0 0:30",
        "J W 990050 orders 0 990000 0:10:30",
        "J p 900100 orders 0 0:2",
        "J P 900200 orders 0 0:2",
        "J c 900300 billing orders/0@5",
        "J C 900400 billing orders/0@5",
        "J c 980000 billing orders/0@10",
        "J C 980100 billing orders/0@10",
        "J c 900000 gone orders/0@10",
        "J C 900100 gone orders/0@10",
        "J g- 950000 gone",
        "J G- 950100 gone",
    ] {
        truth.take(line).unwrap();
    }
    truth
}

fn tp() -> Tp {
    ("orders".to_owned(), 0)
}

/// Returns a collection that shows the truth.
fn right() -> Shown {
    let row = Row {
        committed: Some(10.0),
        lag: Some(20.0),
        lag_seconds: Some(10.4),
        lost: Some(0.0),
        margin: Some(8.0),
    };
    let group = ShownGroup {
        rows: [(tp(), row)].into(),
        sum_lag: Some(20.0),
        max_lag: Some(20.0),
        max_lag_seconds: Some(10.4),
        topic_sums: [("orders".to_owned(), 20.0)].into(),
        ..ShownGroup::default()
    };
    Shown {
        updated: 1000,
        window: WINDOW,
        ends: [(tp(), 30.0)].into(),
        starts: [(tp(), 2.0)].into(),
        groups: [("billing".to_owned(), group)].into(),
    }
}

/// Returns what is wrong with a collection that shows the truth but for `change`.
fn wrong(brokers: Brokers, change: impl FnOnce(&mut Shown)) -> Vec<String> {
    let mut shown = right();
    change(&mut shown);
    compare(&truth(), &shown, brokers).wrong
}

fn row(shown: &mut Shown) -> &mut Row {
    let group = shown.groups.get_mut("billing").unwrap();
    group.rows.get_mut(&tp()).unwrap()
}

#[test]
fn the_truth_is_right() {
    let findings = compare(&truth(), &right(), Brokers::Well);
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!((findings.n_values, findings.n_unjudged), (12, 0));
}

#[test]
fn every_wrong_value_is_found() {
    let changes: [fn(&mut Shown); 9] = [
        |shown| {
            shown.ends.insert(tp(), 31.0);
        },
        |shown| {
            shown.starts.insert(tp(), 1.0);
        },
        |shown| row(shown).committed = Some(11.0),
        |shown| row(shown).lag = Some(19.0),
        |shown| row(shown).lag_seconds = Some(100.0),
        |shown| row(shown).lost = Some(1.0),
        |shown| row(shown).margin = Some(9.0),
        |shown| shown.groups.get_mut("billing").unwrap().sum_lag = Some(21.0),
        |shown| shown.groups.get_mut("billing").unwrap().max_lag = None,
    ];
    for (n, change) in changes.into_iter().enumerate() {
        assert!(!wrong(Brokers::Well, change).is_empty(), "change {n}");
    }
}

#[test]
fn an_older_commit_is_excused_only_while_coordinators_move() {
    let older = |shown: &mut Shown| {
        shown.window = (981_000, 982_000);
        shown.updated = 981;
        shown.ends.insert(tp(), 10.0);
        let row = row(shown);
        (row.committed, row.lag, row.lag_seconds) = (Some(5.0), Some(5.0), Some(81.3));
        row.margin = Some(3.0);
        let group = shown.groups.get_mut("billing").unwrap();
        (group.sum_lag, group.max_lag, group.max_lag_seconds) = (Some(5.0), Some(5.0), Some(81.3));
        group.topic_sums.insert("orders".to_owned(), 5.0);
    };
    assert_eq!(wrong(Brokers::Troubled, older), Vec::<String>::new());
    assert!(!wrong(Brokers::Well, older).is_empty());
}

#[test]
fn what_was_deleted_must_not_be_shown() {
    let shown = |shown: &mut Shown| {
        let group = ShownGroup::default();
        shown.groups.insert("gone".to_owned(), group);
    };
    assert_eq!(wrong(Brokers::Well, shown).len(), 1);
    assert_eq!(wrong(Brokers::Troubled, shown), Vec::<String>::new());
    let unknown = |shown: &mut Shown| {
        shown.ends.insert(("other".to_owned(), 0), 1.0);
    };
    assert_eq!(wrong(Brokers::Well, unknown).len(), 1);
}

#[test]
fn what_has_long_been_there_must_be_shown() {
    let (n, missing) = presence::missing(&truth(), &right());
    assert_eq!((n, missing), (8, Vec::new()));
    let mut shown = right();
    row(&mut shown).lag_seconds = None;
    shown.ends.clear();
    assert_eq!(presence::missing(&truth(), &shown).1.len(), 2);
    shown.groups.clear();
    assert_eq!(presence::missing(&truth(), &shown).1.len(), 7);
}

#[test]
fn what_is_new_need_not_be_shown_yet() {
    let mut truth = truth();
    for line in [
        "J topic+ 990000 new 1 1",
        "J topic= 990100 new 1 1",
        "J c 995000 young orders/0@1",
        "J C 995100 young orders/0@1",
    ] {
        truth.take(line).unwrap();
    }
    assert_eq!(presence::missing(&truth, &right()).1, Vec::<String>::new());
}
