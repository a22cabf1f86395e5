//! What the elector and the collector agree on.
//!
//! - [`http`] listens, and serves until shutdown.
//! - [`leadership`] is the contract between a source of leadership and its consumer.
//! - [`tasks`] starts tasks, notices their end, and leaves in bounded time.
//! - [`telemetry`] logs.

pub mod http;
pub mod leadership;
pub mod tasks;
pub mod telemetry;
