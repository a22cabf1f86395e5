use tokio::sync::watch;

use super::best_answer::keep_better;
use super::*;
use crate::gate::client_slot::ClientGuard;
use crate::kafka::collection_context::Timeouts;
use crate::kafka::group_listing::{ListedAs, Protocol};
use crate::kafka::native::Fence;
use crate::progress::Progress;
use crate::snapshot::{GroupState, Reason, Unknown};

const NOT_COORDINATOR: ErrorCode = ErrorCode::NOT_COORDINATOR;

fn listing(groups: &[(&str, i32)]) -> GroupListing {
    let mut listing = GroupListing::default();
    for (group, broker) in groups {
        let brokers = listing.groups.entry(Name::from(*group)).or_default();
        let listed = ListedAs {
            state: GroupState::Stable,
            protocol: Protocol::Classic,
        };
        brokers.insert(*broker, listed);
    }
    listing
}

fn known_groups(groups: &[(&str, i32)]) -> BTreeMap<Name, i32> {
    groups
        .iter()
        .map(|(group, broker)| (Name::from(*group), *broker))
        .collect()
}

/// Returns the groups of the last collection as unlisted groups, without any group that a survey found.
fn shown(known_groups: &BTreeMap<Name, i32>) -> UnlistedGroups<'_> {
    static NONE: BTreeMap<Name, i32> = BTreeMap::new();
    UnlistedGroups {
        known_groups,
        surveyed_groups: &NONE,
    }
}

fn rows(n: usize) -> Rows {
    let row = |partition| CommittedRow {
        topic: "orders".to_owned(),
        partition,
        offset: 7,
        code: ErrorCode::NONE,
    };
    (0..).map(row).take(n).collect()
}

/// Returns the conclusion from these answers about group `g`: the number of its commits, `None` if it is not shown, and the
/// reasons of the recorded failures.
fn concluded(
    listing: &GroupListing,
    known_groups: &BTreeMap<Name, i32>,
    answers: Vec<BestAnswer>,
) -> (Option<Reading<usize>>, Vec<Reason>) {
    let (found, reasons, _) = concluded_of(listing, shown(known_groups), answers);
    (found, reasons)
}

/// Returns the same as `concluded` for groups that may be in no listing, and in addition the number of truncated names.
fn concluded_of(
    listing: &GroupListing,
    unlisted: UnlistedGroups<'_>,
    answers: Vec<BestAnswer>,
) -> (Option<Reading<usize>>, Vec<Reason>, usize) {
    let (committed, reasons) = conclusion(listing, unlisted, answers);
    let found = committed.groups.get("g").map(|found| {
        found
            .rows
            .as_ref()
            .map(Vec::len)
            .map_err(|unknown| *unknown)
    });
    (found, reasons, committed.n_truncated_names)
}

/// Returns the conclusion from these answers about group `g`, and the reasons of the recorded failures.
fn conclusion(
    listing: &GroupListing,
    unlisted: UnlistedGroups<'_>,
    answers: Vec<BestAnswer>,
) -> (CommittedOffsets, Vec<Reason>) {
    let fence = Fence::new(ClientGuard::without_election().permit_check());
    let (progress, _) = watch::channel(Progress::default());
    let bounds = Timeouts {
        collection: Duration::from_secs(5),
        request: Duration::from_secs(1),
        offset_fetch: Duration::from_secs(1),
    };
    let mut context = CollectionContext::begin(bounds, &fence, &progress);
    let mut best = BTreeMap::new();
    for answer in answers {
        keep_better(&mut best, &Name::from("g"), answer);
    }
    let committed = conclude(listing, unlisted, best, &mut context);
    let failures = context.failures.iter();
    let reasons = failures.map(|failure| failure.unknown.reason).collect();
    (committed, reasons)
}

fn answered_by(broker: i32, answer: Result<Rows, ErrorCode>) -> BestAnswer {
    BestAnswer::of(broker, answer)
}

#[test]
fn an_unlisted_group_is_asked_for_at_its_last_coordinator() {
    let coordinators_to_ask = coordinators_to_ask(
        &listing(&[("a", 1)]),
        shown(&known_groups(&[("a", 1), ("g", 2)])),
        &[1, 2, 3],
    );
    assert_eq!(coordinators_to_ask[&*Name::from("g")], [2]);
    assert_eq!(coordinators_to_ask[&*Name::from("a")], [1]);
}

#[test]
fn a_group_whose_coordinator_has_left_the_cluster_is_asked_for_everywhere() {
    let coordinators_to_ask =
        coordinators_to_ask(&listing(&[]), shown(&known_groups(&[("g", 9)])), &[1, 2]);
    assert_eq!(coordinators_to_ask[&*Name::from("g")], [1, 2]);
}

#[test]
fn an_unlisted_group_without_commits_is_gone() {
    let gone = concluded(
        &listing(&[]),
        &known_groups(&[("g", 1)]),
        vec![answered_by(1, Ok(rows(0)))],
    );
    assert_eq!(gone, (None, Vec::new()));
    let gone = concluded(
        &listing(&[]),
        &known_groups(&[("g", 1)]),
        vec![answered_by(1, Err(ErrorCode::GROUP_ID_NOT_FOUND))],
    );
    assert_eq!(gone, (None, Vec::new()));
}

#[test]
fn a_listed_group_without_commits_stays() {
    let stays = concluded(
        &listing(&[("g", 1)]),
        &known_groups(&[]),
        vec![answered_by(1, Ok(rows(0)))],
    );
    assert_eq!(stays, (Some(Ok(0)), Vec::new()));
}

#[test]
fn a_group_that_no_broker_coordinates_is_unknown_and_counts_once() {
    let disowned = vec![
        answered_by(1, Err(NOT_COORDINATOR)),
        answered_by(2, Err(NOT_COORDINATOR)),
    ];
    let unknown = Unknown::new(Api::OffsetFetch, Reason::NotCoordinator);
    assert_eq!(
        concluded(&listing(&[]), &known_groups(&[("g", 1)]), disowned),
        (Some(Err(unknown)), vec![Reason::NotCoordinator])
    );
}

#[test]
fn the_answer_of_the_coordinator_counts_in_any_order() {
    for swap in [0, 1] {
        let mut answers = vec![
            answered_by(1, Err(NOT_COORDINATOR)),
            answered_by(2, Ok(rows(3))),
        ];
        answers.rotate_left(swap);
        let found = concluded(&listing(&[("g", 1), ("g", 2)]), &known_groups(&[]), answers);
        assert_eq!(found, (Some(Ok(3)), Vec::new()));
    }
}

#[test]
fn a_group_that_was_not_asked_about_is_unknown_for_lack_of_time() {
    let unknown = Unknown::new(Api::OffsetFetch, Reason::Deadline);
    assert_eq!(
        concluded(&listing(&[("g", 1)]), &known_groups(&[]), Vec::new()),
        (Some(Err(unknown)), vec![Reason::Deadline])
    );
}

#[test]
fn a_surveyed_group_is_shown_only_when_it_has_commits() {
    let found = known_groups(&[("g", 2)]);
    let unlisted = UnlistedGroups {
        known_groups: &BTreeMap::new(),
        surveyed_groups: &found,
    };
    let asked = coordinators_to_ask(&listing(&[]), unlisted, &[1, 2]);
    assert_eq!(asked, [(Name::from("g"), vec![2])].into());
    let shows = |answer| concluded_of(&listing(&[]), unlisted, vec![answered_by(2, answer)]);
    assert_eq!(shows(Ok(rows(3))), (Some(Ok(3)), Vec::new(), 0));
    for none in [
        Ok(rows(0)),
        Err(ErrorCode::GROUP_ID_NOT_FOUND),
        Err(NOT_COORDINATOR),
        Err(ErrorCode::LOCAL_TIMED_OUT),
    ] {
        assert_eq!(shows(none), (None, Vec::new(), 0));
    }
}

#[test]
fn a_name_that_its_coordinator_does_not_list_is_a_truncated_name() {
    let cut = listing(&[("g", 1)]);
    let none = BTreeMap::new();
    let answers = |n| {
        vec![
            answered_by(1, Err(NOT_COORDINATOR)),
            answered_by(2, Ok(rows(n))),
        ]
    };
    let shows = |n| concluded_of(&cut, shown(&none), answers(n));
    assert_eq!(shows(0), (None, Vec::new(), 1));
    assert_eq!(shows(3), (Some(Ok(3)), Vec::new(), 0));
}

/// Returns the listing's entry of group `g` that counts after these answers.
fn entry(
    listing: &GroupListing,
    known_groups: &BTreeMap<Name, i32>,
    answers: Vec<BestAnswer>,
) -> ListedAs {
    let (committed, _) = conclusion(listing, shown(known_groups), answers);
    listing.entry_of(&"g".into(), committed.groups["g"].coordinator)
}

#[test]
fn a_truncated_name_on_another_broker_does_not_give_a_group_its_state() {
    let mut both = listing(&[("g", 1), ("g", 2)]);
    let empty = ListedAs {
        state: GroupState::Empty,
        protocol: Protocol::Classic,
    };
    let stable = both.groups["g"][&2];
    let brokers = both.groups.get_mut("g").unwrap();
    brokers.insert(1, empty);
    let disowned = || answered_by(1, Err(NOT_COORDINATOR));
    let (known, none) = (known_groups(&[("g", 2)]), BTreeMap::new());
    for code in [14, 15, 30, ErrorCode::LOCAL_TIMED_OUT.0] {
        let failed = || answered_by(2, Err(ErrorCode(code)));
        let of = |known, answers| entry(&both, known, answers);
        assert_eq!(of(&none, vec![disowned(), failed()]), stable, "{code}");
        assert_eq!(of(&none, vec![failed(), disowned()]), stable, "{code}");
        assert_eq!(of(&known, vec![failed()]), stable, "{code}");
        assert_eq!(of(&none, vec![failed()]), ListedAs::UNKNOWN, "{code}");
    }
    // Broker 2 has failed to list its groups.
    let mut cut = listing(&[("g", 1)]);
    cut.groups.get_mut("g").unwrap().insert(1, empty);
    let of = |known, answers| entry(&cut, known, answers);
    let found = vec![disowned(), answered_by(2, Ok(rows(3)))];
    assert_eq!(of(&none, found), ListedAs::UNKNOWN);
    assert_eq!(of(&none, vec![disowned()]), ListedAs::UNKNOWN);
    assert_eq!(of(&known, vec![disowned()]), ListedAs::UNKNOWN);
    assert_eq!(of(&known, Vec::new()), ListedAs::UNKNOWN);
    assert_eq!(of(&none, Vec::new()), empty);
}
