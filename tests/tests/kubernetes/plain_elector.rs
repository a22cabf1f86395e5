//! The trials find faults: they fail with kube-lease-manager's own `watch()` in the elector's place.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::faults::TcpFault;
use e2e::lab::pod::BOTH;
use e2e::lab::programs::Program;
use e2e::lab::{self, ControlPlane};
use e2e::trials::containers::{self, Loss};
use e2e::trials::edits::{self, Edit, Leader};
use e2e::trials::outage::{self, Outage, Scope, Trouble};
use e2e::trials::{self, Trial, TrialSetup};

/// The lease duration and the grace period, in seconds.
const DURATIONS: (u64, u64) = (6, 2);

#[test]
fn leadership_that_is_a_mere_yes_or_no_fails_the_same_trials() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup {
        kube: plane.kube(),
        elector: Program::PlainElector,
    };
    let dropped = Outage {
        trouble: Trouble::TcpFault(TcpFault::Drop),
        scope: Scope::Leader,
        lasts: Duration::from_secs(18),
    };
    let refused = Outage {
        trouble: Trouble::TcpFault(TcpFault::Refuse),
        ..dropped
    };
    let failing = Outage {
        trouble: Trouble::Status(503),
        ..dropped
    };
    let outage = |outage| move |name: &str| outage::long(&setup, name, (DURATIONS, outage));
    let edit =
        |edit| move |name: &str| edits::edited(&setup, name, (DURATIONS, edit, Leader::Reachable));
    let trials = [
        Trial::new("plain-dropped", outage(dropped)),
        Trial::new("plain-refused", outage(refused)),
        Trial::new("plain-503", outage(failing)),
        Trial::new("plain-nulled", edit(Edit::Nulled)),
        Trial::new("plain-deleted", edit(Edit::Deleted)),
        Trial::new("plain-other-pod", edit(Edit::OtherPod)),
        Trial::new("plain-collector-stopped", |name| {
            containers::collector_lost(&setup, name, ((15, 5), Loss::Stopped))
        }),
        Trial::new("plain-stopped", |name| {
            containers::stands_still(&setup, name, (DURATIONS, &BOTH, Duration::from_secs(18)))
        }),
    ];
    let outcomes = trials::run(&trials, 4);
    let broken = outcomes.iter().filter(|outcome| outcome.broken().is_some());
    let (broken, all) = (broken.count(), trials.len());
    lab::say(format_args!("{broken} of {all} promises were broken"));
    ensure!(broken >= 3, "only {broken} of {all} promises were broken");
    Ok(())
}
