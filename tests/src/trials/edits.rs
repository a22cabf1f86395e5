//! Somebody edits the Lease by hand.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::Instant;

use super::{TrialSetup, within};
use crate::lab::faults::TcpFault;
use crate::lab::kubernetes::Lease;
use crate::lab::{self, TwoPods};

/// The edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// `holderIdentity: null`
    Nulled,
    /// Deleted.
    Deleted,
    /// Deleted, and made again without a holder.
    Recreated,
    /// `holderIdentity` is a name nobody has.
    Stranger,
    /// `leaseDurationSeconds: 1`
    Shortened,
    /// `holderIdentity` is the other pod's name.
    OtherPod,
}

/// Tells whether the leader can see the edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leader {
    /// The leader reaches the API server.
    Reachable,
    /// Everything between it and the API server is lost, from just before the edit on.
    CutOff,
}

// === impl Edit ===

impl Edit {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Nulled,
        Self::Deleted,
        Self::Recreated,
        Self::Stranger,
        Self::Shortened,
        Self::OtherPod,
    ];

    fn apply(self, lease: &Lease, other: &str) -> Result<()> {
        match self {
            Self::Nulled => lease.edit(&json!({"holderIdentity": null})),
            Self::Deleted => lease.delete(),
            Self::Recreated => {
                lease.delete()?;
                lease.ship_empty()
            }
            Self::Stranger => lease.edit(&json!({"holderIdentity": "nobody-has-this-name"})),
            Self::Shortened => lease.edit(&json!({"leaseDurationSeconds": 1})),
            Self::OtherPod => lease.edit(&json!({"holderIdentity": other})),
        }
    }

    /// The time within which somebody must lead again, if the leader can see the edit.
    fn mended_within(self, duration: Duration) -> Duration {
        match self {
            Self::Nulled | Self::Deleted | Self::Recreated | Self::Shortened => {
                within(Duration::ZERO, Duration::from_secs(1))
            }
            Self::Stranger | Self::OtherPod => within(duration, Duration::from_millis(600)),
        }
    }
}

/// An edit: never two, and one again in time.
pub fn edited(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, edit, leader): ((u64, u64), Edit, Leader),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let duration = Duration::from_secs(durations.0);
    if leader == Leader::CutOff {
        pair.pod(0).route().set(TcpFault::Drop);
    }
    let other = pair.pod(1).name().to_owned();
    let edited = Instant::now();
    edit.apply(pair.lease(), &other)?;
    // Two leases: as long as a record that vanished, and the one after it, may be waited for.
    let longest = 2 * duration + Duration::from_secs(2);
    lab::pause(longest);
    let history = pair.never_two()?;
    let leads = pair.acting();
    pair.promise(leads.is_some(), || format!("nobody leads: {history}"))?;
    let promised = match leader {
        Leader::Reachable => edit.mended_within(duration),
        Leader::CutOff => longest,
    };
    let gap = pair.longest_gap_since(edited)?;
    pair.promise(gap <= promised, || {
        format!("nobody acted for {gap:?}: {history}")
    })?;
    Ok(format!(
        "0 ms of two; nobody acted for {gap:.1?}; pod {} leads",
        leads.unwrap_or_default()
    ))
}
