//! The tests of pods in a Kubernetes node of their own. They need root, containerd and whatever else `tests/node/check` asks for, the
//! program that `tests/kubernetes/build` makes, and Java with the jars that `tests/kafka/get-jars` fetches.

mod as_applied;
mod closed_endpoints;
mod hardships;
mod images;
mod losses;
mod rollouts;
