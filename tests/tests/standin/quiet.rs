//! Tests that measure times, and so need a machine that does nothing else.

mod collect_probes;
mod collect_stall;
mod hardship_log;
mod standin_scale;
mod wrong_passwords;
