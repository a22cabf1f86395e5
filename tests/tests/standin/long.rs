//! Tests that take minutes, most of which they wait: `tests/run --quick` leaves them out.

mod collect_errors;
mod collect_scale;
