//! Publishes how things stand, and says in the log what changed.

use shared::leadership::Reason;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::telemetry::LeaseTelemetry;
use crate::standing::{Standing, Tenure, Trouble};

/// The target that the documented log filters name.
const TARGET: &str = "klag_exporter::leadership::kubernetes";

/// Says each change once.
#[derive(Debug)]
pub(super) struct Herald {
    identity: String,
    /// Namespace and name of the Lease.
    lease: String,
    standing: watch::Sender<Standing>,
    telemetry: LeaseTelemetry,
    role: Option<Role>,
    /// What was said last, so that it is said once.
    trouble: Option<(Reason, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Leader,
    Standby,
}

// === impl Herald ===

impl Herald {
    /// Publishes to `standing`, as `identity`, about `lease`.
    pub(super) fn new(
        (identity, lease): (String, String),
        standing: watch::Sender<Standing>,
        telemetry: LeaseTelemetry,
    ) -> Self {
        Self {
            identity,
            lease,
            standing,
            telemetry,
            role: None,
            trouble: None,
        }
    }

    /// Publishes `standing`. `loss` is why this process would not hold the Lease.
    pub(super) fn tell(&mut self, standing: Standing, loss: &'static str) {
        self.tell_role(&standing, loss);
        self.tell_trouble(&standing);
        self.standing.send_if_modified(|known| {
            let changed = *known != standing;
            *known = standing;
            changed
        });
    }

    fn tell_role(&mut self, standing: &Standing, loss: &'static str) {
        let identity = &*self.identity;
        let role = match (standing.tenure, &standing.rival) {
            (Tenure::Held(_), _) => Role::Leader,
            (_, None) if self.role.is_none() => return,
            _ => Role::Standby,
        };
        if self.role == Some(role) {
            return;
        }
        if let Tenure::Held(claim) = standing.tenure {
            self.telemetry.became_leader();
            info!(target: TARGET, identity, "Acquired leadership");
            debug!(target: TARGET, term = claim.term, "The term of this leadership");
        } else {
            if self.role == Some(Role::Leader) {
                self.telemetry.became_standby(loss);
            }
            info!(target: TARGET, identity, "On standby, waiting for leadership");
            debug!(target: TARGET, reason = loss, "Why it is another's turn");
        }
        self.role = Some(role);
    }

    fn tell_trouble(&mut self, standing: &Standing) {
        let trouble = standing.trouble.as_ref().map(told);
        if self.trouble == trouble {
            return;
        }
        if let Some(trouble) = &standing.trouble {
            let reason = trouble.reason.label();
            let (detail, lease) = (&*trouble.detail, &*self.lease);
            warn!(target: TARGET, reason, detail, lease, "Trouble in the election");
        } else {
            info!(target: TARGET, "The trouble in the election is over");
        }
        self.trouble = trouble;
    }
}

/// What makes two troubles different: each right that is missing is one, and an outage is one however each try fails.
fn told(trouble: &Trouble) -> (Reason, String) {
    let detail = match trouble.reason {
        Reason::Forbidden => trouble.detail.clone(),
        _ => String::new(),
    };
    (trouble.reason, detail)
}
