//! Tests of the text of `/metrics`, as a scraper reads it.

mod clusters;
mod counters;
mod format;
mod granularity;
mod names;
mod parse;
mod promlint;
mod properties;
mod rows;
mod scale;
#[path = "../lag_model/snapshot_builder.rs"]
mod snapshot_builder;
