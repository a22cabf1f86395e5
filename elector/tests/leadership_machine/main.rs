//! The leadership contract, rule by rule, on the machine itself: no clock runs here, time is what the test says.

mod give_up;
mod grants;
mod hold_off;
mod properties;
mod release;
mod restart;
mod simulation;
mod states;
mod world;
