//! The library of the tests: a stand-in for Kafka, a lab of real servers, trials, the benchmark, and the demo. The tests try the project's
//! promises on the programs as they are shipped.

#![expect(
    clippy::disallowed_methods,
    reason = "the harness spawns and reads the environment"
)]

pub mod bench;
pub mod demo;
pub mod documents;
mod http_client;
pub mod lab;
pub mod lease_server;
pub mod manifests;
pub mod nemesis;
pub mod soak;
pub mod sources;
pub mod standin;
pub mod trials;
