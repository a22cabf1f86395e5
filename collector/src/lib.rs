//! The collector: reads the lag of consumer groups from Kafka and serves it to Prometheus.
//!
//! # Layout
//! Data flows in one direction, and each arrow is an owned value:
//! `config ─► leadership ─► gate ─► cluster ─► kafka ─► snapshot ─► lag ─► collected ─► exposition ─► http`.
//!
//! A module uses only modules that stand before it in the table of `tests/module_order.rs`, so no two use each other. The head of
//! each module says what it does, by which rule, and what it does not promise; [`gate`], [`leadership`], [`cluster`] and
//! [`exposition`] are good places to begin.

pub mod args;
pub mod check;
pub mod check_source;
pub mod cluster;
pub mod collected;
pub mod exposition;
pub mod gate;
pub mod history;
pub mod http;
pub mod kafka;
pub mod lag;
pub mod leadership;
pub mod process;
pub mod progress;
pub mod publisher;
pub mod run;
pub mod snapshot;
pub mod telemetry;
mod tls;
