//! The tests of elector and collector with a Kubernetes control plane. They need the program that `tests/kubernetes/build` makes, openssl
//! and libfaketime; those in `tokens` also need Java and the jars that `tests/kafka/get-jars` fetches.

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
mod tokens;
mod undisturbed;
mod zombies;
