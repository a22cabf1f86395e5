//! The Kubernetes API of the demo: the API server with etcd, or a stand-in that knows one Lease.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;

use super::Args;
use super::real_or_stand_in::{StandInReason, start_if_possible};
use crate::lab::host;
use crate::lab::kubernetes::{self, ControlPlane, Rights, VERSION};
use crate::lease_server::LeaseServer;

/// The namespace of the pods and the Lease, which the lab's control plane has from its start.
pub(super) const NAMESPACE: &str = "lab";
/// The Lease that the pods compete for.
pub(super) const LEASE: &str = "klag-exporter";

/// The Kubernetes API that the demo uses: the real one, or a stand-in.
#[derive(Debug)]
pub(super) enum Kubernetes {
    /// The API server and etcd, started by the lab.
    Real(Box<Real>),
    /// A server that knows one Lease, and the reason for which it is used.
    StandIn(LeaseServer, StandInReason),
}

/// A control plane, and the route from the pods to it.
#[derive(Debug)]
pub(super) struct Real {
    plane: ControlPlane,
    program: PathBuf,
    kubeconfig: String,
}

// === impl Kubernetes ===

impl Kubernetes {
    /// Starts the API. The pods create the Lease themselves.
    pub(super) async fn start(args: &Args) -> Result<Self> {
        if args.standin {
            return Self::stand_in(StandInReason::Asked).await;
        }
        match start_if_possible(can_start, Real::start).await? {
            Ok(real) => Ok(Self::Real(Box::new(real))),
            Err(why) => Self::stand_in(why).await,
        }
    }

    async fn stand_in(why: StandInReason) -> Result<Self> {
        Ok(Self::StandIn(
            LeaseServer::start(NAMESPACE, LEASE).await?,
            why,
        ))
    }

    /// Returns the contents of a pod's kubeconfig file.
    pub(super) fn kubeconfig(&self) -> String {
        match self {
            Self::Real(real) => real.kubeconfig.clone(),
            Self::StandIn(leases, _) => leases.kubeconfig(),
        }
    }

    /// Returns a command that shows the Lease, by means of a pod's kubeconfig file.
    pub(super) fn look(&self, kubeconfig: &str) -> String {
        match self {
            Self::Real(real) => {
                let program = real.program.display();
                format!("{program} kubectl --kubeconfig {kubeconfig} get lease {LEASE} -o yaml")
            }
            Self::StandIn(leases, _) => format!("curl {}", leases.lease_url()),
        }
    }

    /// Ends the API, and waits until it has ended.
    pub(super) async fn stop(self) -> Result<()> {
        match self {
            // Dropping the control plane ends a runtime, which is not allowed on a thread of another runtime.
            Self::Real(real) => tokio::task::spawn_blocking(|| drop(real)).await?,
            Self::StandIn(leases, _) => drop(leases),
        }
        Ok(())
    }
}

impl fmt::Display for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real(real) => {
                let at = real.url();
                write!(f, "{at}   API server and etcd {VERSION}")
            }
            Self::StandIn(leases, why) => {
                let at = leases.url();
                match why {
                    StandInReason::Asked => {
                        write!(f, "{at}   a stand-in that knows one Lease, as asked")
                    }
                    StandInReason::Absent(why) => write!(
                        f,
                        "{at}   a stand-in that knows one Lease:\n            {why}"
                    ),
                }
            }
        }
    }
}

// === impl Real ===

impl Real {
    /// Starts the control plane; blocks for some seconds.
    fn start() -> Result<Self> {
        let plane = ControlPlane::start()?;
        let kube = plane.kube();
        let account = kube.account(LEASE, &Rights::on(LEASE))?;
        let kubeconfig = account.kubeconfig(&kube.cluster()).to_string();
        Ok(Self {
            plane,
            program: kubernetes::program()?,
            kubeconfig,
        })
    }

    fn url(&self) -> String {
        self.plane.kube().url()
    }
}

/// Checks for everything that the control plane needs; the error says what is missing.
fn can_start() -> Result<()> {
    kubernetes::program()?;
    host::check_that_it_runs("openssl", "version")
}
