//! The lease half of the elector against an API server in the same process.
#![cfg(feature = "kubernetes")]
#![expect(unreachable_pub, reason = "modules of one test")]
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod api;
mod edits;
mod handover;
mod outage;
mod pods;
mod rights;
mod store;
