//! Futures that complete when the gate opens or closes.

use tokio::sync::watch;
use tokio::time::Instant;

use super::{ClosedReason, Gate, Permit, Until};

/// Waits until the gate is open, and returns its permission. Never completes if the task that decides about the gate has ended
/// while the gate was closed. Cancel-safe.
pub async fn opened(gate: &mut watch::Receiver<Gate>) -> Permit {
    loop {
        let seen = *gate.borrow_and_update();
        if let Ok(permit) = seen.permit(Instant::now()) {
            return permit;
        }
        if gate.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until the gate is closed, by a decision or by its deadline, and returns the cause. Cancel-safe.
pub async fn closed(gate: &mut watch::Receiver<Gate>) -> ClosedReason {
    loop {
        let seen = *gate.borrow_and_update();
        let until = match seen.permit(Instant::now()) {
            Ok(permit) => permit.until,
            Err(reason) => return reason,
        };
        let decided = tokio::select! { biased;
        changed = gate.changed() => changed.is_ok(),
        () = end(until) => true };
        if !decided {
            // The deciding task has ended, so nothing can extend the permission.
            return ClosedReason::ShuttingDown;
        }
    }
}

/// Waits until the opening of this number has ended. Cancel-safe.
pub async fn over(gate: &mut watch::Receiver<Gate>, opening: u64) {
    loop {
        let seen = *gate.borrow_and_update();
        let until = match seen.permit(Instant::now()) {
            Ok(permit) if permit.opening == opening => permit.until,
            _ => return,
        };
        let is_followed = tokio::select! { biased;
        changed = gate.changed() => changed.is_ok(),
        () = end(until) => true };
        if !is_followed {
            // The sender of the gate is gone, so the permission ends at its deadline and at no other time.
            return end(until).await;
        }
    }
}

async fn end(until: Until) {
    match until {
        Until::Forever => std::future::pending().await,
        Until::At(moment) => tokio::time::sleep_until(moment).await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn open_for(time: Duration) -> Gate {
        Gate::Open {
            until: Until::At(Instant::now() + time),
            term: 7,
            opening: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_gate_closes_at_its_deadline_without_a_message() {
        let (_source, mut gate) = watch::channel(open_for(Duration::from_secs(5)));
        let began = Instant::now();
        assert_eq!(closed(&mut gate).await, ClosedReason::Expired);
        let took = began.elapsed();
        assert!(
            took >= Duration::from_secs(5) && took < Duration::from_millis(5002),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_extension_moves_the_deadline() {
        let (source, mut gate) = watch::channel(open_for(Duration::from_secs(5)));
        let began = Instant::now();
        let extend = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            source.send_replace(open_for(Duration::from_secs(5)));
        };
        let (reason, ()) = tokio::join!(closed(&mut gate), extend);
        assert_eq!(reason, ClosedReason::Expired);
        assert!(began.elapsed() >= Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_definite_no_closes_at_once() {
        let (source, mut gate) = watch::channel(open_for(Duration::from_secs(5)));
        let began = Instant::now();
        let refuse = async {
            source.send_replace(Gate::Closed {
                reason: ClosedReason::Standby,
            });
        };
        let (reason, ()) = tokio::join!(closed(&mut gate), refuse);
        assert_eq!(
            (reason, began.elapsed()),
            (ClosedReason::Standby, Duration::ZERO)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_permission_that_has_ended_when_it_is_seen_opens_nothing() {
        let late = Gate::Open {
            until: Until::At(Instant::now()),
            term: 7,
            opening: 1,
        };
        let (source, mut gate) = watch::channel(late);
        let grant = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            source.send_replace(Gate::Open {
                until: Until::Forever,
                term: 8,
                opening: 2,
            });
        };
        let (permit, ()) = tokio::join!(opened(&mut gate), grant);
        assert_eq!(permit.term, 8);
    }

    #[tokio::test(start_paused = true)]
    async fn the_gate_counts_as_closed_once_its_writer_is_gone() {
        let (source, mut gate) = watch::channel(Gate::Open {
            until: Until::Forever,
            term: 0,
            opening: 1,
        });
        drop(source);
        assert_eq!(closed(&mut gate).await, ClosedReason::ShuttingDown);
    }
}
