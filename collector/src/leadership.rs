//! Where the permission to act comes from.
//!
//! ```text
//!  poll ─► answer ─► judge ─► keeper ─► Gate          polled: the loop around them
//!  edge     pure      pure                            pace: when to ask; standing: what else is told of the source
//! ```
//! A [`Source`] decides; [`Gatekeeper`] publishes the decision as a [`Gate`](crate::gate::Gate) and counts the transitions.
//! Everybody else holds a receiver, and compares with the clock.

use prometheus::IntCounterVec;
use shared::config::Leadership;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::gate::{Reason, Until};
use crate::run;

pub mod answer;
mod contradiction;
mod hold_off;
pub mod judge;
pub mod keeper;
mod pace;
pub mod poll;
mod polled;
mod standing;
#[cfg(test)]
mod tests;

pub use self::contradiction::Contradiction;
pub use self::keeper::{Gatekeeper, transition_labels};
pub use self::pace::{EVERY as WAIT, PATIENCE};
pub use self::poll::BadSource;
pub use self::polled::Polled;
pub use self::standing::Outlook;

/// Where the permission comes from.
#[derive(Debug)]
pub enum Source {
    /// There is no election: this process always acts.
    Alone,
    /// Somebody is asked.
    Polled(Box<Polled>),
}

// === impl Source ===

impl Source {
    /// The source that `leadership` names, and what others see of it. Asks for the counter of its polls where it makes some.
    ///
    /// # Errors
    /// An address that cannot be asked, or no counter.
    pub fn of(
        leadership: &Leadership,
        polls: impl FnOnce() -> Result<IntCounterVec, prometheus::Error>,
        now: Instant,
    ) -> Result<(Self, watch::Receiver<Outlook>), run::Error> {
        match leadership {
            Leadership::SingleInstance => Ok((Self::Alone, watch::channel(Outlook::Unheard).1)),
            Leadership::Elected(election) => {
                let (polled, outlook) = Polled::new(election, polls()?, now)?;
                Ok((Self::Polled(Box::new(polled)), outlook))
            }
        }
    }

    /// Decides what can be decided before anybody is asked.
    pub fn begin(&self, keeper: &mut Gatekeeper, now: Instant) {
        if let Self::Alone = self {
            keeper.open(Until::Forever, 0, now);
        }
    }

    /// Decides until `shutdown`, and closes the gate then.
    pub async fn run(self, mut keeper: Gatekeeper, shutdown: CancellationToken) {
        match self {
            Self::Alone => {
                info!("Running in single-instance mode - leader election is disabled");
                shutdown.cancelled().await;
                keeper.close(Reason::ShuttingDown, Instant::now());
            }
            Self::Polled(polled) => polled.run(keeper, shutdown).await,
        }
    }
}
