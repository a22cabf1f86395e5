//! Tests that take minutes, mostly of waiting: `tests/run --quick` leaves them out.

mod collect_errors;
mod collect_scale;
