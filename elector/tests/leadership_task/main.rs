//! Tests of the leadership task and its HTTP endpoints. The clock is paused, and the tests take the place of the lease half.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod fixture;
mod long_poll;
mod metrics;
mod shutdown;
