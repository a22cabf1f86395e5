//! The tests of elector and collector with a Kubernetes control plane. They need the program that `tests/kubernetes/build` makes, openssl
//! and libfaketime.

mod clocks;
mod containers;
mod control_plane;
mod edits;
mod failover;
mod guide;
mod lab_facts;
mod outage;
mod plain_elector;
mod rights;
mod undisturbed;
mod zombies;
