//! Pods in a Kubernetes node of their own. Needs root, containerd and what else `tests/node/check` asks for, the program that
//! `tests/kubernetes/build` makes, and Java with the jars that `tests/kafka/get-jars` fetches.

mod as_applied;
mod hardships;
mod images;
mod losses;
mod rollouts;
