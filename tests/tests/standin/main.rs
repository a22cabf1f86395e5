//! The tests of the programs with stand-ins for Kafka and the Kubernetes API, and of texts that must be true of the programs. They need
//! nothing but the build itself.
//!
//! Tests below [`quiet`] measure times: `tests/run` runs them one after the other, with nothing else at the same time. Tests below [`long`]
//! take minutes, mostly of waiting.

mod bench_report;
mod check_connect;
mod collect_claims;
mod collect_doubts;
mod collect_fuzz;
mod collect_members;
mod collect_moves;
mod collect_refusals;
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
