use super::*;

const REFUSED: Result<i64, ErrorCode> = Err(ErrorCode::LOCAL_BAD_COMPRESSION);

#[test]
fn an_offset_in_a_refused_batch_is_unknown_and_not_read_again() {
    let (mut search, _) = begun(wanted(&[5, 7]));
    arrives(&mut search, 3, REFUSED);
    assert!(search.is_done());
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
