//! The API server is out of reach, refuses requests, or is slow: two pods never lead, and no leadership is lost without need.

use std::time::Duration;

use anyhow::Result;
use e2e::lab::faults::{ErrorInjection, HttpFault, TcpFault};
use e2e::lab::{self, ControlPlane, Length};
use e2e::trials::outage::{self, Outage, Scope, Trouble};
use e2e::trials::{self, Trial, TrialSetup};

/// The lease duration and the grace period, in seconds.
const SHORT: (u64, u64) = (6, 2);
const BALANCED: (u64, u64) = (15, 5);

const TROUBLES: [(&str, Trouble); 8] = [
    ("dropped", Trouble::TcpFault(TcpFault::Drop)),
    ("refused", Trouble::TcpFault(TcpFault::Refuse)),
    ("answers-lost", Trouble::TcpFault(TcpFault::DropAnswers)),
    ("requests-lost", Trouble::TcpFault(TcpFault::DropRequests)),
    ("500", Trouble::Status(500)),
    ("503", Trouble::Status(503)),
    ("504", Trouble::Status(504)),
    ("429", Trouble::Status(429)),
];
const SCOPES: [(&str, Scope); 2] = [("leader", Scope::Leader), ("all", Scope::All)];

#[test]
fn an_outage_longer_than_the_lease_never_makes_two_and_leaves_one() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let lasts = Duration::from_secs(Length::from_env().pick(18, 10));
    let mut all = Vec::new();
    for (what, trouble) in TROUBLES {
        for (whom, scope) in SCOPES {
            let outage = Outage {
                trouble,
                scope,
                lasts,
            };
            let run = move |name: &str| outage::long(&setup, name, (SHORT, outage));
            all.push(Trial::new(format!("long-{what}-{whom}"), run));
        }
    }
    trials::run_all(&all, 4)
}

#[test]
fn an_outage_that_ends_in_time_costs_nothing() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    // The outage is shorter than the lease duration less a renewal period less 2.5 s.
    let (durations, millis, times) = Length::from_env().pick((BALANCED, 7400, 5), (SHORT, 1400, 3));
    let lasts = Duration::from_millis(millis);
    let mut all = Vec::new();
    for (what, trouble) in TROUBLES {
        let outage = Outage {
            trouble,
            scope: Scope::All,
            lasts,
        };
        let run = move |name: &str| outage::short(&setup, name, (durations, outage, times));
        all.push(Trial::new(format!("short-{what}"), run));
    }
    trials::run_all(&all, 4)
}

#[test]
fn a_slow_api_server_and_errors_now_and_then_cost_nothing() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let length = Length::from_env();
    let slow = HttpFault {
        latency: Duration::from_secs(2),
        error: None,
    };
    let errors = HttpFault {
        latency: Duration::from_millis(200),
        error: Some(ErrorInjection {
            status: 503,
            every: length.pick(100, 10),
        }),
    };
    let lasts = Duration::from_secs(length.pick(310, 40));
    let all = [
        Trial::new("slow", |name| {
            outage::borne(&setup, name, (BALANCED, slow, lasts))
        }),
        // With a grace period of 1 s the Lease is renewed every second, so that many requests are answered with an error.
        Trial::new("errors", |name| {
            outage::borne(&setup, name, ((6, 1), errors, lasts))
        }),
    ];
    trials::run_all(&all, 2)
}

#[test]
fn whatever_a_request_takes_there_are_never_two_leaders() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let lasts = Duration::from_secs(Length::from_env().pick(60, 20));
    let slow = |millis: u64| {
        let latency = Duration::from_millis(millis);
        let run = move |name: &str| outage::slow(&setup, name, (SHORT, latency, lasts));
        Trial::new(format!("latency-{millis}"), run)
    };
    trials::run_all(&[100, 500, 1000, 2000, 3500, 5000].map(slow), 3)
}
