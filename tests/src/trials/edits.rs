//! Trials in which somebody edits the Lease by hand.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::{TrialSetup, within};
use crate::lab::faults::TcpFault;
use crate::lab::kubernetes::Lease;
use crate::lab::{self, TwoPods};

/// An edit of the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// `holderIdentity` is set to null.
    Nulled,
    /// The Lease is deleted.
    Deleted,
    /// The Lease is deleted, and created again without a holder.
    Recreated,
    /// `holderIdentity` is set to a name that no pod has.
    Stranger,
    /// `leaseDurationSeconds` is set to 1.
    Shortened,
    /// `holderIdentity` is set to the other pod's name.
    OtherPod,
}

/// The leader's connection to the API server, which decides if the leader can see the edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leader {
    /// The leader reaches the API server.
    Reachable,
    /// The leader has no connection to the API server, from just before the edit on.
    CutOff,
}

// === impl Edit ===

impl Edit {
    /// All edits, each of which the tests try.
    pub const ALL: [Self; 6] = [
        Self::Nulled,
        Self::Deleted,
        Self::Recreated,
        Self::Stranger,
        Self::Shortened,
        Self::OtherPod,
    ];

    /// Returns the past participle that says what is done.
    pub fn label(self) -> &'static str {
        match self {
            Self::Nulled => "nulled",
            Self::Deleted => "deleted",
            Self::Recreated => "recreated",
            Self::Stranger => "given to a stranger",
            Self::Shortened => "shortened",
            Self::OtherPod => "given to the other pod",
        }
    }

    /// Edits the Lease; `other` is the name of the pod that [`Self::OtherPod`] makes the holder.
    pub fn apply(self, lease: &Lease, other: &str) -> Result<()> {
        match self {
            Self::Nulled => lease.edit(&json!({"holderIdentity": null})),
            Self::Deleted => lease.delete(),
            Self::Recreated => {
                lease.delete()?;
                lease.create_empty()
            }
            Self::Stranger => lease.edit(&json!({"holderIdentity": "nobody-has-this-name"})),
            Self::Shortened => lease.edit(&json!({"leaseDurationSeconds": 1})),
            Self::OtherPod => lease.edit(&json!({"holderIdentity": other})),
        }
    }

    /// Returns the time within which a pod must lead again, if the leader can see the edit.
    fn mended_within(self, duration: Duration) -> Duration {
        match self {
            Self::Nulled | Self::Deleted | Self::Recreated | Self::Shortened => {
                within(Duration::ZERO, Duration::from_secs(1))
            }
            Self::Stranger | Self::OtherPod => within(duration, Duration::from_millis(600)),
        }
    }
}

/// Edits the Lease: two pods must never act, and one must act again in time.
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
    // A pod may have to wait for two lease durations: that of the deleted Lease, and that of the Lease after it.
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
