//! The nemesis: random schedules of several faults at once over a real API server, etcd and Kafka, and a verdict on what two pods
//! did meanwhile.

pub mod arena;
mod args;
mod campaign;
pub(crate) mod duel;
pub mod fault;
mod files;
pub mod gap;
pub mod generate;
mod journal;
pub(crate) mod lease_reader;
pub mod picture;
pub mod recording;
pub mod report;
pub mod schedule;
mod servers;
pub mod shrink;
#[cfg(test)]
mod synthetic;
mod target;
pub mod verdict;

pub use args::Args;
pub use campaign::{Outcome, run};
