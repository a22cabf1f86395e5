//! The collector: reads the lag of consumer groups from Kafka and serves it to Prometheus.
//!
//! # Layout
//! The data's way, each arrow an owned value: `config ─► leadership ─► gate ─► cluster ─► kafka ─► snapshot ─► lag ─► exposition ─► http`.
//! - [`snapshot`]: what one collection read. Pure.

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
