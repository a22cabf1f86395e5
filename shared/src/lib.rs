//! The parts that the elector and the collector share.
//!
//! - [`config`] reads the configuration file.
//! - [`mod@file`] reads files that come from outside, such as mounted Secrets.
//! - [`http`] listens, and serves until shutdown.
//! - [`leadership`] is the contract between a source of leadership and its consumer.
//! - [`startup`] starts a process in the right order, and knows the exit statuses.
//! - [`tasks`] starts tasks, notices their end, and ends them in bounded time.
//! - [`telemetry`] logs.
//! - [`text`] makes texts from outside fit to be shown.
//! - [`web`] is what a listener asks of its clients: TLS, certificates and passwords.
//!
//! No two modules use each other, directly or through others; a test checks their order.

pub mod config;
pub mod file;
pub mod http;
pub mod leadership;
pub mod startup;
pub mod tasks;
pub mod telemetry;
pub mod text;
pub mod web;
