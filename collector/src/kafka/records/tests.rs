use std::sync::Arc;

use super::search::AssignmentChange;
use super::*;
use crate::kafka::error_code::ErrorCode;
use crate::kafka::native::{LOG_START, PartitionEvent, Timestamp};
use crate::snapshot::{Api, Unknown};

mod cache;
mod log;
mod refused;

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::of(&Arc::from(topic), partition)
}

fn offset(offset: i64) -> Offset {
    Offset::from_wire(offset).unwrap()
}

/// Returns the wanted offsets, all of partition 0 of topic `a`.
fn wanted(offsets: &[i64]) -> Wanted {
    let offsets = offsets.iter().map(|&it| offset(it)).collect();
    Wanted::from([(tp("a", 0), offsets)])
}

/// Returns no end for any partition, as if none had been read.
fn no_ends(_: &TopicPartition) -> Option<Offset> {
    None
}

/// Returns a search that has begun to fetch, and the partitions that it has assigned with their positions.
fn begun(wanted: Wanted) -> (Search, Vec<(TopicPartition, i64)>) {
    begun_with_ends(wanted, &no_ends)
}

/// Returns the same for logs with these ends.
fn begun_with_ends(wanted: Wanted, ends: &Ends<'_>) -> (Search, Vec<(TopicPartition, i64)>) {
    let mut search = Search::of(wanted, ends);
    let change = search.assignment_change();
    assert_eq!(change.unassign, []);
    (search, change.assign)
}

fn arrives(search: &mut Search, at: i64, timestamp: Result<i64, ErrorCode>) {
    arrives_for(search, &tp("a", 0), at, timestamp);
}

fn arrives_for(
    search: &mut Search,
    tp: &TopicPartition,
    at: i64,
    timestamp: Result<i64, ErrorCode>,
) {
    search.handle(&PartitionEvent {
        topic: tp.topic.to_string(),
        partition: tp.partition,
        offset: at,
        timestamp: timestamp.map(Timestamp::At),
    });
}

/// Delivers records at these offsets, each with a thousand times its offset as its timestamp.
fn records(search: &mut Search, offsets: impl IntoIterator<Item = i64>) {
    for at in offsets {
        arrives(search, at, Ok(at * 1000));
    }
}

fn answer(found: &SearchResult, at: i64) -> Option<OldestUnread> {
    found.answers.get(&(tp("a", 0), offset(at))).copied()
}

fn unknown(reason: Reason) -> OldestUnread {
    OldestUnread::Unknown(Unknown::new(Api::Fetch, reason))
}

#[test]
fn an_offset_has_the_timestamp_of_the_first_record_at_or_after_it() {
    let (mut search, assigned) = begun(wanted(&[5]));
    assert_eq!(assigned, [(tp("a", 0), 5)]);
    records(&mut search, [9]);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(OldestUnread::Written(9000)));
    assert_eq!((found.failures, found.n_reads), (vec![], 1));
}

#[test]
fn a_record_without_a_timestamp_is_reported_as_such() {
    let (mut search, _) = begun(wanted(&[5]));
    search.handle(&PartitionEvent {
        topic: "a".to_owned(),
        partition: 0,
        offset: 5,
        timestamp: Ok(Timestamp::Missing),
    });
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(OldestUnread::NoTimestamp));
}

#[test]
fn a_record_answers_every_remaining_offset_up_to_its_own() {
    let (mut search, _) = begun(wanted(&[5, 6, 7, 8]));
    records(&mut search, [5, 7, 8]);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    let dates = [5, 6, 7, 8].map(|at| answer(&found, at));
    assert_eq!(
        dates,
        [5000, 7000, 7000, 8000].map(|at| Some(OldestUnread::Written(at)))
    );
    assert_eq!(found.n_reads, 1);
}

#[test]
fn a_finished_partition_is_no_longer_fetched() {
    let (mut search, _) = begun(wanted(&[5]));
    records(&mut search, [5, 6, 7]);
    assert_eq!(search.n_ready(), 1);
    let change = search.assignment_change();
    assert_eq!((change.unassign, change.assign), (vec![tp("a", 0)], vec![]));
}

#[test]
fn an_offset_within_reach_of_another_batch_is_reached_by_reading_on() {
    let (mut search, _) = begun(wanted(&[5, 14]));
    records(&mut search, 5..10);
    let change = search.assignment_change();
    assert_eq!((change.unassign, change.assign), (vec![], vec![]));
    records(&mut search, 10..15);
    assert!(search.is_done());
}

#[test]
fn an_offset_farther_away_is_reached_by_a_new_position() {
    let (mut search, _) = begun(wanted(&[5, 500]));
    records(&mut search, 5..10);
    let change = search.assignment_change();
    assert_eq!(change.unassign, [tp("a", 0)]);
    assert_eq!(change.assign, [(tp("a", 0), 500)]);
    // These events belong to the position before the change, so they are ignored.
    arrives(&mut search, 10, Ok(10_000));
    arrives(&mut search, 10, Err(ErrorCode::LOCAL_PARTITION_EOF));
    arrives(&mut search, 10, Err(ErrorCode::LOCAL_AUTO_OFFSET_RESET));
    assert_eq!(search.n_ready(), 0);
    records(&mut search, [501]);
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 500), Some(OldestUnread::Written(501_000)));
    assert_eq!(found.n_reads, 2);
}

#[test]
fn at_the_end_of_the_partition_nothing_is_left_to_read() {
    let (mut search, _) = begun(wanted(&[5, 6]));
    arrives(&mut search, 7, Err(ErrorCode::LOCAL_PARTITION_EOF));
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    for at in [5, 6] {
        assert_eq!(answer(&found, at), Some(OldestUnread::NothingReadable));
    }
}

#[test]
fn the_end_of_a_broker_that_is_behind_says_nothing_about_the_records_after_it() {
    let (mut search, _) = begun_with_ends(wanted(&[5, 6]), &|_| Some(offset(10)));
    arrives(&mut search, 5, Err(ErrorCode::LOCAL_PARTITION_EOF));
    arrives(&mut search, 9, Err(ErrorCode::LOCAL_PARTITION_EOF));
    assert_eq!((search.progress(), search.n_ready()), ((0, 2), 0));
    // The broker has caught up with a record, and then with the end that was read before.
    records(&mut search, [5]);
    search.assignment_change();
    arrives(&mut search, 10, Err(ErrorCode::LOCAL_PARTITION_EOF));
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(OldestUnread::Written(5000)));
    assert_eq!(answer(&found, 6), Some(OldestUnread::NothingReadable));
}

#[test]
fn an_offset_below_the_log_start_has_the_timestamp_of_the_first_record_there() {
    let (mut search, _) = begun(wanted(&[5]));
    arrives(&mut search, 5, Err(ErrorCode::LOCAL_AUTO_OFFSET_RESET));
    let change = search.assignment_change();
    assert_eq!(change.unassign, [tp("a", 0)]);
    assert_eq!(change.assign, [(tp("a", 0), LOG_START)]);
    records(&mut search, [60]);
    let found = search.finish(Reason::Deadline);
    assert_eq!(
        answer(&found, 5),
        Some(OldestUnread::WrittenAtLogStart(60_000))
    );
}

#[test]
fn an_offset_beyond_the_end_is_unknown() {
    let (mut search, _) = begun(wanted(&[50]));
    arrives(&mut search, 50, Err(ErrorCode::LOCAL_AUTO_OFFSET_RESET));
    search.assignment_change();
    records(&mut search, [3]);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 50), Some(unknown(Reason::Other)));
    assert_eq!(found.failures.len(), 1);
}

#[test]
fn a_log_start_that_keeps_moving_is_not_followed_for_ever() {
    let (mut search, _) = begun(wanted(&[5]));
    for _ in 0..4 {
        assert!(!search.is_done());
        arrives(&mut search, 5, Err(ErrorCode::LOCAL_AUTO_OFFSET_RESET));
        search.assignment_change();
    }
    assert!(search.is_done());
    assert_eq!(
        answer(&search.finish(Reason::Deadline), 5),
        Some(unknown(Reason::Other))
    );
}

#[test]
fn an_error_of_a_partition_is_one_failure_for_all_its_offsets() {
    let (mut search, _) = begun(wanted(&[5, 6]));
    arrives(&mut search, -1001, Err(ErrorCode::KAFKA_STORAGE_ERROR));
    let found = search.finish(Reason::Deadline);
    for at in [5, 6] {
        assert_eq!(answer(&found, at), Some(unknown(Reason::StorageError)));
    }
    let [failure] = &*found.failures else {
        panic!("{:?}", found.failures)
    };
    assert_eq!(failure.subject, "a-0");
}

#[test]
fn a_topic_that_may_not_be_read_is_given_up_with_one_failure() {
    let offsets = BTreeSet::from([offset(5)]);
    let partitions = (0..300).map(|partition| (tp("a", partition), offsets.clone()));
    let (mut search, assigned) = begun(partitions.chain([(tp("b", 0), offsets.clone())]).collect());
    arrives(&mut search, 5, Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    arrives_for(
        &mut search,
        &tp("a", 1),
        5,
        Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    );
    let change = search.assignment_change();
    assert_eq!(change.unassign.len(), assigned.len());
    assert_eq!(change.assign, [(tp("b", 0), 5)]);
    arrives_for(&mut search, &tp("b", 0), 5, Ok(7));
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(unknown(Reason::Authorization)));
    assert_eq!((found.answers.len(), found.failures.len()), (301, 1));
    assert_eq!(found.denied, [Arc::from("a")]);
}

#[test]
fn offsets_without_an_answer_at_the_deadline_are_one_failure() {
    let (mut search, _) = begun(wanted(&[5, 6, 7]));
    records(&mut search, [5]);
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(OldestUnread::Written(5000)));
    assert_eq!(answer(&found, 7), Some(unknown(Reason::Deadline)));
    let [failure] = &*found.failures else {
        panic!("{:?}", found.failures)
    };
    assert_eq!(failure.subject, "2 of 3 offsets");
}

#[test]
fn waiting_partitions_do_not_keep_others_from_being_fetched() {
    let partitions = (0..300).map(|partition| (tp("a", partition), BTreeSet::from([offset(5)])));
    let (mut search, assigned) = begun(partitions.collect());
    assert_eq!(assigned.len(), 128);
    assert_eq!(search.assignment_change(), AssignmentChange::default());
    search.widen();
    assert_eq!(search.assignment_change().assign.len(), 128);
    search.widen();
    assert_eq!(search.assignment_change().assign.len(), 300 - 2 * 128);
}

#[test]
fn events_of_partitions_that_are_not_wanted_are_ignored() {
    let (mut search, _) = begun(wanted(&[5]));
    arrives_for(&mut search, &tp("a", 1), 5, Ok(1));
    arrives_for(
        &mut search,
        &tp("b", 0),
        5,
        Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    );
    assert_eq!(search.n_ready(), 0);
    assert_eq!(search.progress(), (0, 1));
}
