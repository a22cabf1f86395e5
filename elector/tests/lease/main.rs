//! Tests of the lease half of the elector against a fake API server in the same process.
#![cfg(feature = "kubernetes")]
#![expect(unreachable_pub, reason = "modules of one test")]
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod access;
mod api_server;
mod edits;
mod fake_lease;
mod handover;
mod outage;
mod pods;
mod store;
