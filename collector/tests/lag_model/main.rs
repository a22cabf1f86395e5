//! Lag and history, from the outside: each named case once, and arbitrary snapshots against a slow and obvious oracle.

mod history;
mod offsets;
mod only;
mod oracle;
mod properties;
mod times;
mod uncommitted;
mod world;
