use super::*;

const REFUSED: Result<i64, ErrorCode> = Err(ErrorCode::LOCAL_BAD_COMPRESSION);

#[test]
fn an_offset_in_a_refused_batch_is_unknown_and_not_read_again() {
    let (mut search, _) = begun(wanted(&[5, 7]));
    arrives(&mut search, 3, REFUSED);
    // The client reports the batch until the position is set again.
    arrives(&mut search, 3, REFUSED);
    assert_eq!(search.assignment_change().assign, [(tp("a", 0), 7)]);
    arrives(&mut search, 3, REFUSED);
    assert!(search.is_done());
    assert_eq!(search.assignment_change().unassign, [tp("a", 0)]);
    let found = search.finish(Reason::Deadline);
    for at in [5, 7] {
        let unknown = unknown(Reason::RecordTooLarge);
        assert_eq!(answer(&found, at), Some(unknown), "{at}");
    }
    assert_eq!(found.failures.len(), 1);
    assert_eq!(
        found.too_large,
        [5, 7].map(|at| (tp("a", 0), offset(at))).to_vec()
    );
}

#[test]
fn a_refused_batch_costs_only_the_offsets_in_it() {
    let (mut search, _) = begun(wanted(&[5, 1_000_000]));
    arrives(&mut search, 3, REFUSED);
    let change = search.assignment_change();
    assert_eq!(change.unassign, [tp("a", 0)]);
    assert_eq!(change.assign, [(tp("a", 0), 1_000_000)]);
    records(&mut search, [1_000_000]);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(unknown(Reason::RecordTooLarge)));
    let written = OldestUnread::Written(1_000_000_000);
    assert_eq!(answer(&found, 1_000_000), Some(written));
    assert_eq!(found.failures.len(), 1);
    assert_eq!(found.too_large, [(tp("a", 0), offset(5))]);
}

#[test]
fn offsets_that_were_not_tried_after_several_refusals_are_read_the_next_time() {
    let (mut search, _) = begun(wanted(&[5, 6, 7, 8, 9]));
    for _ in 0..3 {
        assert!(!search.is_done());
        arrives(&mut search, 3, REFUSED);
        search.assignment_change();
    }
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    for at in 5..=9 {
        let unknown = unknown(Reason::RecordTooLarge);
        assert_eq!(answer(&found, at), Some(unknown), "{at}");
    }
    assert_eq!(found.failures.len(), 1);
    let tried = [5, 6, 7].map(|at| (tp("a", 0), offset(at)));
    assert_eq!(found.too_large, tried);
}

#[test]
fn a_batch_that_was_refused_behind_batches_without_records_is_read_alone() {
    let (mut search, _) = begun(wanted(&[5]));
    // The client has skipped the batches before this one, and goes on here.
    arrives(&mut search, 8, REFUSED);
    assert_eq!(search.assignment_change(), AssignmentChange::default());
    records(&mut search, [8]);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(OldestUnread::Written(8000)));
    assert_eq!((found.failures, found.too_large), (vec![], vec![]));
}

#[test]
fn a_batch_that_is_refused_twice_behind_batches_without_records_is_too_large() {
    let (mut search, _) = begun(wanted(&[5, 20]));
    for at in [8, 12, 12] {
        arrives(&mut search, at, REFUSED);
    }
    assert_eq!(search.assignment_change().assign, [(tp("a", 0), 20)]);
    records(&mut search, [20]);
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(unknown(Reason::RecordTooLarge)));
    assert_eq!(answer(&found, 20), Some(OldestUnread::Written(20_000)));
}

#[test]
fn a_refused_batch_at_the_log_start_is_too_large() {
    let (mut search, _) = begun(wanted(&[5]));
    arrives(&mut search, 5, Err(ErrorCode::LOCAL_AUTO_OFFSET_RESET));
    search.assignment_change();
    arrives(&mut search, 60, REFUSED);
    assert!(!search.is_done());
    arrives(&mut search, 60, REFUSED);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(unknown(Reason::RecordTooLarge)));
}

#[test]
fn a_batch_that_was_refused_behind_others_is_read_alone() {
    let (mut search, _) = begun(wanted(&[5, 20]));
    records(&mut search, [5, 6, 7]);
    arrives(&mut search, 8, REFUSED);
    // The client reports the batch until the position is set again.
    arrives(&mut search, 8, REFUSED);
    assert_eq!(
        search.assignment_change(),
        AssignmentChange {
            unassign: vec![tp("a", 0)],
            assign: vec![(tp("a", 0), 20)],
        }
    );
    records(&mut search, [21]);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 20), Some(OldestUnread::Written(21000)));
    assert_eq!((found.failures, found.too_large), (vec![], vec![]));
}

#[test]
fn a_batch_that_is_refused_when_read_alone_is_too_large() {
    let (mut search, _) = begun(wanted(&[5, 9]));
    records(&mut search, [5, 6, 7]);
    arrives(&mut search, 8, REFUSED);
    assert_eq!(search.assignment_change().assign, [(tp("a", 0), 9)]);
    arrives(&mut search, 8, REFUSED);
    assert!(search.is_done());
    let found = search.finish(Reason::Deadline);
    assert_eq!(answer(&found, 5), Some(OldestUnread::Written(5000)));
    assert_eq!(answer(&found, 9), Some(unknown(Reason::RecordTooLarge)));
    assert_eq!(found.too_large, [(tp("a", 0), offset(9))]);
}
