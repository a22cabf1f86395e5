//! Tests of lag and history through the public functions: each named case once, and arbitrary snapshots against a slow and
//! obvious oracle.

mod history;
mod offsets;
mod oracle;
mod properties;
mod retention;
mod single;
mod snapshot_builder;
mod times;
mod uncommitted;
mod uncommitted_properties;
