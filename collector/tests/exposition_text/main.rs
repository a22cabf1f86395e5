//! The text of `/metrics`, from the outside.

mod clusters;
mod counters;
mod format;
mod names;
mod parse;
mod promlint;
mod properties;
mod scale;
#[path = "../lag_model/world.rs"]
mod world;
