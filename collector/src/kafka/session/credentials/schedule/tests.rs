use super::*;

const REFUSAL: (FailureKind, &str) = (FailureKind::Refused, "key values mismatch");
const LOGIN: (FailureKind, &str) = (FailureKind::Login, "certificate unknown");

/// A schedule whose clients have files in the state 0, and the instant of its start.
fn start() -> (Schedule, Instant) {
    let now = Instant::now();
    (Schedule::new(FileStates::of_test(0), now), now)
}

/// The state for which clients have to be made after a look that finds `found`.
fn look(schedule: &mut Schedule, found: u64, now: Instant) -> Option<FileStates> {
    schedule.record_look(FileStates::of_test(found), Urgency::Usual, now)
}

#[test]
fn files_that_stay_the_same_are_looked_at_now_and_then() {
    let (mut schedule, began) = start();
    let mut n_looks = 0;
    for tenth in 0..100 {
        let now = began + Duration::from_millis(100) * tenth;
        if schedule.is_look_due(now) {
            n_looks += 1;
            assert_eq!(look(&mut schedule, 0, now), None);
        }
    }
    assert_eq!(n_looks, 4);
}

#[test]
fn a_change_is_used_once_it_has_stayed_as_it_is() {
    let (mut schedule, began) = start();
    assert_eq!(look(&mut schedule, 1, began), None);
    let then = began + SETTLE;
    assert!(schedule.is_look_due(then));
    // The second file was written a moment after the first.
    assert_eq!(look(&mut schedule, 2, then), None);
    let then = then + SETTLE;
    assert!(schedule.is_look_due(then));
    let states = look(&mut schedule, 2, then).unwrap();
    assert_eq!(states, FileStates::of_test(2));
    schedule.record_success(states);
    assert_eq!(*schedule.in_use(), FileStates::of_test(2));
    assert_eq!(look(&mut schedule, 2, then + LOOK_INTERVAL), None);
}

#[test]
fn a_change_that_is_taken_back_is_forgotten() {
    let (mut schedule, began) = start();
    assert_eq!(look(&mut schedule, 1, began), None);
    assert_eq!(look(&mut schedule, 0, began + SETTLE), None);
    assert_eq!(look(&mut schedule, 1, began + 2 * SETTLE), None);
}

/// The pauses between attempts that all fail in the same way, in seconds.
fn pauses(failure: (FailureKind, &str)) -> Vec<u64> {
    let (mut schedule, began) = start();
    assert_eq!(look(&mut schedule, 1, began), None);
    let mut attempts = Vec::new();
    for second in 1..1500 {
        let now = began + Duration::from_secs(second);
        if let Some(states) = look(&mut schedule, 1, now) {
            attempts.push(second);
            let novelty = schedule.record_failure(&states, failure, now);
            let is_first = attempts.len() == 1;
            assert_eq!(novelty == FailureNovelty::New, is_first);
        }
    }
    attempts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn failures_are_followed_by_growing_pauses() {
    assert_eq!(pauses(LOGIN)[..6], [5, 10, 20, 40, 60, 60]);
    assert_eq!(pauses(REFUSAL)[..8], [5, 10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn another_change_does_not_wait_for_the_end_of_a_pause() {
    let (mut schedule, began) = start();
    let mut now = began;
    for _ in 0..8 {
        if let Some(states) = look(&mut schedule, 1, now) {
            schedule.record_failure(&states, REFUSAL, now);
        }
        now += LOOK_INTERVAL;
    }
    assert_eq!(look(&mut schedule, 2, now), None);
    assert_eq!(
        look(&mut schedule, 2, now + SETTLE),
        Some(FileStates::of_test(2))
    );
}

#[test]
fn the_same_change_with_another_failure_is_news() {
    let (mut schedule, began) = start();
    assert_eq!(look(&mut schedule, 1, began), None);
    let states = FileStates::of_test(1);
    for (failure, novelty) in [
        (LOGIN, FailureNovelty::New),
        (LOGIN, FailureNovelty::Known),
        (REFUSAL, FailureNovelty::New),
    ] {
        assert_eq!(schedule.record_failure(&states, failure, began), novelty);
    }
}

#[test]
fn where_the_clients_in_use_do_not_work_a_change_is_used_at_once_unless_it_was_refused() {
    let (mut schedule, now) = start();
    let states = FileStates::of_test(1);
    let urgent = |schedule: &mut Schedule| {
        schedule.record_look(FileStates::of_test(1), Urgency::Urgent, now)
    };
    assert_eq!(urgent(&mut schedule), Some(states.clone()));
    schedule.record_failure(&states, LOGIN, now);
    assert_eq!(urgent(&mut schedule), Some(states.clone()));
    schedule.record_failure(&states, REFUSAL, now);
    assert_eq!(urgent(&mut schedule), None);
}
