//! Tests of the receivers of grants, and of the length of grants.

use std::time::Duration;

use shared::config::ConsumerRequirement;
use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, State};

use crate::fixture::{MachineFixture, OTHER_POD, POD, TERM, poll, rules};

#[test]
fn a_grant_is_never_longer_than_max_valid() {
    let mut fixture = MachineFixture::leading();
    let report = fixture.says(Open);
    assert_eq!((report.is_leader, report.valid_for_ms), (true, 5_000));
    assert_eq!((report.term, report.name.as_str()), (TERM, POD));
}

#[test]
fn a_grant_never_outlives_the_claim() {
    let mut fixture = MachineFixture::leading();
    fixture.holds_until(12_500);
    assert_eq!(fixture.says(Open).valid_for_ms, 2_500);
    fixture.polled_until(12_499);
    assert_eq!(fixture.says(Open).valid_for_ms, 1);
    fixture.advance_to(12_500);
    let report = fixture.says(Open);
    assert_eq!((report.is_leader, report.valid_for_ms), (false, 0));
    assert_eq!(report.term, 0);
}

#[test]
fn the_rest_of_a_claim_is_never_rounded_up() {
    let mut fixture = MachineFixture::leading();
    let until = fixture.moment(10_000) + Duration::from_micros(999);
    fixture.seen(elector::lease_status::LeaseStatus {
        holding: elector::lease_status::Holding::Held(elector::lease_status::Claim {
            counted_from: fixture.moment(10_000),
            until,
            term: TERM,
        }),
        ..Default::default()
    });
    let report = fixture.says(Open);
    assert_eq!((report.is_leader, report.valid_for_ms), (false, 0));
}

#[test]
fn only_the_own_consumer_is_granted_and_everybody_gets_the_report() {
    let mut fixture = MachineFixture::leading();
    let foreign = Query {
        consumer: OTHER_POD.to_owned(),
        ..poll(1_000, Closed)
    };
    let asker = fixture.machine.receive_poll(None, fixture.moment(10_000));
    for report in [fixture.asks(&foreign), fixture.answers(&asker)] {
        assert_eq!((report.is_leader, report.valid_for_ms), (false, 0));
        assert_eq!((report.state, report.name.as_str()), (State::Leading, POD));
    }
}

#[test]
fn a_poll_out_of_order_is_not_granted_and_its_content_is_ignored() {
    let mut fixture = MachineFixture::leading();
    fixture.says(Open);
    for seq in [1, 2, 3, 4] {
        let stale = Query {
            healthy: false,
            ..poll(seq, Closed)
        };
        assert!(!fixture.asks(&stale).is_leader, "{seq}");
        assert_eq!(fixture.report().state, State::Leading, "{seq}");
    }
    assert!(fixture.says(Open).is_leader);
}

#[test]
fn a_waiting_poll_that_a_later_one_supersedes_is_not_granted() {
    let mut fixture = MachineFixture::leading();
    let (held, later) = (fixture.next(Open), fixture.next(Open));
    let held = fixture.hears(&held);
    let later = fixture.hears(&later);
    assert!(fixture.machine.is_superseded(&held));
    assert!(!fixture.answers(&held).is_leader);
    assert!(fixture.answers(&later).is_leader);
}

#[test]
fn an_unhealthy_consumer_is_not_granted() {
    let mut fixture = MachineFixture::leading();
    assert!(!fixture.says_unhealthy(Open).is_leader);
}

#[test]
fn a_second_process_of_the_consumer_is_granted_when_the_first_cannot_be_acting() {
    let mut fixture = MachineFixture::leading();
    let second = |seq| Query {
        instance: "second".to_owned(),
        ..poll(seq, Closed)
    };
    fixture.advance_to(12_000);
    assert!(!fixture.asks(&second(1)).is_leader);
    fixture.advance_to(14_999);
    assert!(!fixture.asks(&second(2)).is_leader);
    fixture.advance_to(15_000);
    assert!(fixture.asks(&second(3)).is_leader);
}

#[test]
fn a_late_poll_of_a_dead_process_does_not_displace_its_successor() {
    let mut fixture = MachineFixture::leading();
    let second = |seq| Query {
        instance: "second".to_owned(),
        ..poll(seq, Open)
    };
    fixture.asks(&second(1));
    let left = Query {
        healthy: false,
        ..fixture.next(Closed)
    };
    assert!(!fixture.asks(&left).is_leader);
    fixture.advance_to(14_000);
    assert!(!fixture.asks(&second(2)).is_leader);
    fixture.advance_to(15_000);
    assert!(fixture.asks(&second(3)).is_leader);
    assert!(!fixture.says(Closed).is_leader);
    assert!(fixture.asks(&second(4)).is_leader);
}

#[test]
fn an_earlier_process_counts_again_when_the_latest_has_gone_silent() {
    let mut fixture = MachineFixture::leading();
    let second = Query {
        instance: "second".to_owned(),
        ..poll(1, Open)
    };
    fixture.asks(&second);
    fixture.held_by(OTHER_POD, 60_000);
    fixture.advance_to(14_900);
    fixture.says(Closed);
    fixture.advance_to(15_000);
    assert_eq!(fixture.report().state, State::Parked);
    fixture.says(Closed);
    assert_eq!(fixture.report().state, State::Standby);
}

#[test]
fn where_no_consumer_is_required_every_asker_is_granted() {
    let mut fixture = MachineFixture::with(elector::leadership::Rules {
        consumer: ConsumerRequirement::NotRequired,
        ..rules()
    });
    fixture.advance_to(0);
    assert!(fixture.campaigns());
    fixture.holds_until(60_000);
    let asker = fixture.machine.receive_poll(None, fixture.moment(0));
    assert_eq!(fixture.answers(&asker).valid_for_ms, 5_000);
    let foreign = Query {
        consumer: OTHER_POD.to_owned(),
        healthy: false,
        ..poll(1, Closed)
    };
    assert!(fixture.asks(&foreign).is_leader);
    fixture.advance_to(50_000);
    assert!(fixture.campaigns());
}
