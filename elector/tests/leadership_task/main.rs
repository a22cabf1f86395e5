//! The desk and what it serves, with the clock paused and a hand in the place of the lease half.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod long_poll;
mod metrics;
mod shutdown;
mod world;
