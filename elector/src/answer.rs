//! The values that a source of leadership gives to HTTP: an answer about the leader, and the values of the metrics.

use std::time::Duration;

use serde::Serialize;
use shared::leadership::LeaderReport;

use crate::lease_status::Problem;

/// The body of an answer about the leader.
#[derive(Clone, Debug, Serialize)]
pub struct LeaderAnswer {
    /// The report, whose fields the contract defines.
    #[serde(flatten)]
    pub report: LeaderReport,
    /// A sentence for the person who has to repair whatever keeps this pod from taking part; absent if nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The values that `/metrics` shows about the leadership, as of one moment.
#[derive(Clone, Debug)]
pub struct MetricValues {
    /// The report that anybody but this pod's own consumer would be given.
    pub report: LeaderReport,
    /// The time for which the claim on the Lease still runs, zero without a claim.
    pub claim_left: Duration,
    /// The time for which somebody may still act on a grant; zero if nobody may, or if there is no election.
    pub grant_left: Duration,
    /// The problem that keeps this process from taking part, if there is one.
    pub problem: Option<Problem>,
}
