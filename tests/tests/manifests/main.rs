//! The tests of `manifests/` with the programs that read them: kubectl, Helm, Prometheus and Alertmanager. They need the program that
//! `tests/kubernetes/build` makes, the tools that `tests/manifests/get-tools` makes, and openssl.

mod alerts;
mod alerts_of_pods;
mod apply;
mod chart_rules;
mod closed_endpoints;
mod dashboard;
mod month;
mod pages;
mod prometheus;
mod readme;
mod releases;
mod secrets;
mod tools;
mod web;
