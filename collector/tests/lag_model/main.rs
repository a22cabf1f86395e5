//! Lag and history, from the outside: each named case once, and arbitrary snapshots against a slow and obvious oracle.

mod cases;
mod history;
mod oracle;
mod properties;
mod world;
