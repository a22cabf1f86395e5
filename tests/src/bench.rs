//! The benchmark: this project's collector and klag-exporter before the same brokers, measured in turn.
//!
//! Both read the same file, apart from the port. Servers and clients have one part of the machine's cores, the collector under test
//! the last core alone. The servers' numbers follow from names ([`crate::lab::scale`]), so every value that is shown is checked. On
//! the stand-in all logs and commits move on after each collection, as they do on a cluster in use; on real Kafka they stand still.
//!
//! No measurement depends on what the collectors say about themselves, except for the duration of a collection, which both log.

mod args;
mod cell;
mod connections;
mod cores;
mod cost;
mod judge;
mod measure;
mod plots;
mod progress;
mod readme;
mod record;
mod report;
mod runs;
mod scrapes;
mod servers;
mod subject;

pub use args::Args;
pub use cell::{Cell, Granularity, Servers, TimeLag};
pub use readme::table;
pub use record::{Figures, Machine, Outcome, Record, Run, Scrape};
pub use report::write;
pub use runs::run;
pub use scrapes::Load;
pub use subject::Subject;
