//! Tests of the guard: several pods, one Lease, and everything that can happen to them.

#[path = "../../tests/lease/fake_lease.rs"]
mod fake_lease;
mod faults;
mod late;
mod lease_server;
mod life;
mod schedules;
mod world;
