use tokio::sync::watch;

use super::*;
use crate::gate::hold::Held;
use crate::kafka::native::Fence;
use crate::kafka::pass::Bounds;
use crate::progress::Progress;
use crate::snapshot::GroupState;

const NOT_COORDINATOR: Code = Code(16);
const GROUP_ID_NOT_FOUND: Code = Code(69);

fn listing(groups: &[(&str, i32)]) -> Listing {
    let mut listing = Listing::default();
    for (group, broker) in groups {
        let brokers = listing.groups.entry(Name::from(*group)).or_default();
        brokers.insert(*broker, GroupState::Stable);
    }
    listing
}

fn known(groups: &[(&str, i32)]) -> BTreeMap<Name, i32> {
    groups
        .iter()
        .map(|(group, broker)| (Name::from(*group), *broker))
        .collect()
}

fn rows(n: usize) -> Rows {
    let row = |partition| CommittedRow {
        topic: "orders".to_owned(),
        partition,
        offset: 7,
        code: Code(0),
    };
    (0..).map(row).take(n).collect()
}

/// What `answers` to questions about group `g` come to, and the failures that are counted.
fn concluded(
    listing: &Listing,
    known: &BTreeMap<Name, i32>,
    answers: Vec<Best>,
) -> (Option<Reading<usize>>, Vec<Reason>) {
    let fence = Fence::new(Held::without_election().leave());
    let (progress, _) = watch::channel(Progress::default());
    let bounds = Bounds {
        collection: Duration::from_secs(5),
        request: Duration::from_secs(1),
        offset_fetch: Duration::from_secs(1),
    };
    let mut pass = Pass::begin(bounds, &fence, &progress);
    let mut best = BTreeMap::new();
    for answer in answers {
        keep(&mut best, &Name::from("g"), answer);
    }
    let committed = conclude(listing, known, best, &mut pass);
    let found = committed.groups.get("g").map(|found| {
        found
            .rows
            .as_ref()
            .map(Vec::len)
            .map_err(|unknown| *unknown)
    });
    let reasons = pass
        .failures
        .iter()
        .map(|failure| failure.unknown.reason)
        .collect();
    (found, reasons)
}

fn says(broker: i32, answer: Result<Rows, Code>) -> Best {
    Best { broker, answer }
}

#[test]
fn a_group_that_no_listing_has_is_asked_for_at_its_last_coordinator() {
    let questions = questions(
        &listing(&[("a", 1)]),
        &known(&[("a", 1), ("g", 2)]),
        &[1, 2, 3],
    );
    assert_eq!(questions[&*Name::from("g")], [2]);
    assert_eq!(questions[&*Name::from("a")], [1]);
}

#[test]
fn a_group_whose_coordinator_is_no_broker_any_more_is_asked_for_everywhere() {
    let questions = questions(&listing(&[]), &known(&[("g", 9)]), &[1, 2]);
    assert_eq!(questions[&*Name::from("g")], [1, 2]);
}

#[test]
fn an_unlisted_group_without_commits_is_gone() {
    let gone = concluded(
        &listing(&[]),
        &known(&[("g", 1)]),
        vec![says(1, Ok(rows(0)))],
    );
    assert_eq!(gone, (None, Vec::new()));
    let gone = concluded(
        &listing(&[]),
        &known(&[("g", 1)]),
        vec![says(1, Err(GROUP_ID_NOT_FOUND))],
    );
    assert_eq!(gone, (None, Vec::new()));
}

#[test]
fn a_listed_group_without_commits_stays() {
    let stays = concluded(
        &listing(&[("g", 1)]),
        &known(&[]),
        vec![says(1, Ok(rows(0)))],
    );
    assert_eq!(stays, (Some(Ok(0)), Vec::new()));
}

#[test]
fn a_group_that_everybody_disowns_is_unknown_and_counts_once() {
    let disowned = vec![says(1, Err(NOT_COORDINATOR)), says(2, Err(NOT_COORDINATOR))];
    let unknown = Unknown::new(Api::OffsetFetch, Reason::NotCoordinator);
    assert_eq!(
        concluded(&listing(&[]), &known(&[("g", 1)]), disowned),
        (Some(Err(unknown)), vec![Reason::NotCoordinator])
    );
}

#[test]
fn whoever_does_not_disown_a_group_is_right_whatever_the_order() {
    for swap in [0, 1] {
        let mut answers = vec![says(1, Err(NOT_COORDINATOR)), says(2, Ok(rows(3)))];
        answers.rotate_left(swap);
        let found = concluded(&listing(&[("g", 1), ("g", 2)]), &known(&[]), answers);
        assert_eq!(found, (Some(Ok(3)), Vec::new()));
    }
}

#[test]
fn a_group_that_could_not_be_asked_about_is_unknown_for_lack_of_time() {
    let unknown = Unknown::new(Api::OffsetFetch, Reason::Deadline);
    assert_eq!(
        concluded(&listing(&[("g", 1)]), &known(&[]), Vec::new()),
        (Some(Err(unknown)), vec![Reason::Deadline])
    );
}
