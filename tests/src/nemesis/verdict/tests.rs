//! Tests of the checker on synthetic recordings, in which overlaps and gaps are planted.

use super::super::fault::{FaultKind, Interruption, Parts, PathFault, Pods};
use super::super::recording::Seen;
use super::super::synthetic::{MS, SECOND, fault, recording};
use super::*;

fn refused(pods: Pods) -> FaultKind {
    FaultKind::Path {
        pods,
        path_fault: PathFault::Refused,
    }
}

fn killed() -> FaultKind {
    FaultKind::Process {
        pods: Pods::A,
        parts: Parts::Both,
        interruption: Interruption::Killed,
    }
}

#[test]
fn a_hand_over_is_no_overlap_and_no_gap() {
    let verdict = Verdict::of(&recording(vec![], [&[(0, 20_000)], &[(20_100, 60_000)]]));
    assert!(!verdict.is_failure(), "{:?}", verdict.failures);
    assert_eq!((verdict.overlap, verdict.moves), (0, 1));
    assert!(verdict.longest_gap() < Duration::from_millis(200));
}

#[test]
fn a_planted_overlap_is_found_with_its_time() {
    let verdict = Verdict::of(&recording(vec![], [&[(0, 20_000)], &[(19_700, 60_000)]]));
    let (from, to) = verdict.overlaps[0];
    assert!((19_700 * MS..19_730 * MS).contains(&from), "{from}");
    assert!((19_970 * MS..20_000 * MS).contains(&to), "{to}");
    assert!((250 * MS..300 * MS).contains(&verdict.overlap), "{verdict}");
    let expected = "two pods acted for ";
    assert!(verdict.failures[0].starts_with(expected), "{verdict:?}");
}

#[test]
fn a_single_request_within_another_leadership_is_an_overlap() {
    let mut recording = recording(vec![], [&[(0, 60_000)], &[]]);
    recording.pods[1]
        .requests
        .push((30 * SECOND, 30 * SECOND + MS));
    let verdict = Verdict::of(&recording);
    assert_eq!(verdict.overlap, MS);
    assert!(verdict.is_failure());
}

#[test]
fn a_stopped_process_does_not_act_until_it_goes_on() {
    // Pod a is stopped from 10 to 20 s without having been seen closed, and leads again as soon as it goes on.
    let mut recording = recording(
        vec![],
        [&[(0, 10_000), (20_000, 60_000)], &[(16_500, 19_000)]],
    );
    recording.pods[0]
        .probes
        .retain(|(_, _, seen)| *seen != Seen::Closed);
    assert!(Verdict::of(&recording).overlap > 0);
    recording.pods[0].halted = vec![(10 * SECOND, 20 * SECOND - MS)];
    assert_eq!(Verdict::of(&recording).overlap, 0);
}

#[test]
fn a_gap_without_a_reason_must_be_short() {
    let gap = |to| Verdict::of(&recording(vec![], [&[(0, 20_000), (to, 60_000)], &[]]));
    assert!(!gap(21_500).is_failure());
    let verdict = gap(22_500);
    assert!(
        verdict.failures[0].contains("1.8 s are allowed"),
        "{verdict:?}"
    );
}

#[test]
fn a_gap_after_a_lost_leader_may_last_for_the_lease_and_the_slack() {
    // The leader is lost for 30 s. The other pod is able all the time, and 6 s + 0.2 s + 3 * 1 s are allowed.
    let faults = || vec![fault(10_000, 30_000, killed())];
    let gap = |to| Verdict::of(&recording(faults(), [&[(0, 10_000)], &[(to, 60_000)]]));
    assert!(!gap(16_000).is_failure());
    assert!(!gap(19_000).is_failure());
    let verdict = gap(20_000);
    assert!(
        verdict.failures[0].contains("9.2 s are allowed"),
        "{verdict:?}"
    );
}

#[test]
fn a_gap_is_excused_while_no_pod_is_able() {
    // No pod reaches the API server for 20 s. After that 9.2 s are allowed.
    let faults = || vec![fault(5000, 20_000, refused(Pods::Both))];
    let gap = |to| Verdict::of(&recording(faults(), [&[(0, 10_000)], &[(to, 60_000)]]));
    assert!(!gap(33_000).is_failure());
    assert!(gap(35_500).is_failure());
}

#[test]
fn an_api_server_that_does_not_answer_excuses_a_gap() {
    let with_outage = |to| {
        let mut recording = recording(vec![], [&[(0, 10_000)], &[(to, 60_000)]]);
        for read in &mut recording.lease {
            if (5 * SECOND..25 * SECOND).contains(&read.sent) {
                read.holder = None;
            }
        }
        Verdict::of(&recording)
    };
    // The control plane was lost, so 6 s + 0.2 s + 3 * 3 s are allowed after it.
    assert!(!with_outage(39_000).is_failure());
    assert!(with_outage(41_000).is_failure());
}

#[test]
fn clocks_and_brokers_excuse_nothing() {
    let clock = FaultKind::Clock {
        pods: Pods::Both,
        shift_secs: 3600,
    };
    let faults = vec![fault(19_000, 10_000, clock)];
    let verdict = Verdict::of(&recording(faults, [&[(0, 20_000), (23_000, 60_000)], &[]]));
    assert!(verdict.is_failure());
}

#[test]
fn a_process_that_ends_by_itself_is_a_failure() {
    let mut recording = recording(vec![], [&[(0, 60_000)], &[]]);
    recording.crashes.push("elector of pod a ended".to_owned());
    assert!(Verdict::of(&recording).is_failure());
}
