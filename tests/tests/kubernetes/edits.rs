//! Somebody edits the Lease by hand: two pods never lead, and soon one leads again.

use anyhow::Result;
use e2e::lab::{self, ControlPlane, Length};
use e2e::trials::edits::{self, Edit, Leader};
use e2e::trials::{self, Trial, TrialSetup};

#[test]
fn an_edited_lease_never_makes_two_leaders() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let durations = Length::from_env().pick((15, 5), (6, 2));
    let mut all = Vec::new();
    for leader in [Leader::Reachable, Leader::CutOff] {
        for edit in Edit::ALL {
            let run = move |name: &str| edits::edited(&setup, name, (durations, edit, leader));
            let name = format!("edit-{edit:?}-{leader:?}").to_lowercase();
            all.push(Trial::new(name, run));
        }
    }
    trials::run_all(&all, 4)
}
