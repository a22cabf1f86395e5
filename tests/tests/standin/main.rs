//! The programs before stand-ins of Kafka and of the Kubernetes API, and texts that must be true of them. Nothing is needed but
//! the build itself.
//!
//! Tests below [`quiet`] time what they see: `tests/run` runs them one after the other, beside nothing else. Tests below
//! [`long`] take minutes, most of which they wait.

mod check_connect;
mod collect_claims;
mod collect_fuzz;
mod collect_members;
mod collect_moves;
mod collect_time_lag;
mod dashboard_text;
mod long;
mod manifests_text;
mod other_sources;
mod process_hardship;
mod quiet;
mod readme_commands;
mod readme_demo;
mod readme_facts;
mod standin_faults;
mod standin_librdkafka;
