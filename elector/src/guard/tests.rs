//! The guard against everything that a Lease goes through.

mod faults;
mod life;
mod schedules;
mod world;
