//! Tests of the leadership contract, rule by rule, on the state machine itself. The tests pass the time as a value.

mod fixture;
mod give_up;
mod grants;
mod hold_off;
mod properties;
mod release;
mod restart;
mod simulation;
mod states;
