//! The leadership contract, rule by rule, on the state machine itself. The tests say what time it is.

mod fixture;
mod give_up;
mod grants;
mod hold_off;
mod properties;
mod release;
mod restart;
mod simulation;
mod states;
