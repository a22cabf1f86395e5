//! What the elector and the collector agree on.
//!
//! - [`config`] reads the configuration file.
//! - [`http`] listens, and serves until shutdown.
//! - [`leadership`] is the contract between a source of leadership and its consumer.
//! - [`tasks`] starts tasks, notices their end, and leaves in bounded time.
//! - [`telemetry`] logs.
//! - [`text`] makes what others said fit to be shown.

pub mod config;
pub mod http;
pub mod leadership;
pub mod tasks;
pub mod telemetry;
pub mod text;
