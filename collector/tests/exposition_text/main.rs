//! The text of `/metrics`, from the outside.

mod clusters;
mod counters;
mod format;
mod names;
mod parse;
mod promlint;
mod properties;
mod rows;
mod scale;
#[path = "../lag_model/snapshot_builder.rs"]
mod snapshot_builder;
