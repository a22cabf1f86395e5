//! The guard against everything that a Lease goes through.

mod faults;
mod late;
mod life;
mod register;
mod schedules;
mod world;
