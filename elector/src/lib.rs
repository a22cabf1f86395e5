//! The elector answers, on loopback, whether this pod may act and for how long.
//!
//! ```text
//!   lease (guard, kube-lease-manager, watch) ── LeaseStatus ─► leadership_task ◄── Handle ── http ◄── collector
//!                                            ◄── Desired ─────  (leadership)
//! ```
//! [`lease`] takes part in the election. [`leadership`] holds the rules of the contract with the collector as a function of
//! values. [`leadership_task`] is the one task that runs these rules. [`http`] serves the answers. Without an election,
//! [`single_instance`] takes the place of all but [`http`].

pub mod answer;
pub mod args;
#[cfg(feature = "kubernetes")]
pub mod guard;
pub mod http;
pub mod leadership;
pub mod leadership_task;
#[cfg(feature = "kubernetes")]
pub mod lease;
pub mod lease_status;
pub mod run;
pub mod single_instance;
pub mod telemetry;
