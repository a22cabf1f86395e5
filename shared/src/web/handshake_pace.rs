//! The pace of TLS handshakes.
//!
//! A handshake takes the server up to some milliseconds of CPU time and the client almost none, on the thread on which the elector renews
//! its Lease. So each connection gets a turn: the instant from which on its handshake may begin. A limit for all clients together bounds
//! the number of turns, and a lower limit for each host keeps one host from taking all turns. Honest clients keep their connections open,
//! make few handshakes and never wait.
//!
//! Every connection takes a turn when it is accepted, because its client may begin a handshake or not.
//!
//! Not promised: a turn for everybody while handshakes come from many hosts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::host;

/// The average time between the turns of all clients together.
const INTERVAL: Duration = Duration::from_millis(10);

/// The average time between the turns of one host.
const HOST_INTERVAL: Duration = Duration::from_millis(50);

/// The time whose turns can be taken at once after a pause: 100 turns in all, 20 of one host.
const BURST: Duration = Duration::from_secs(1);

/// The longest time that a connection waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The greatest number of hosts with a limit of their own. Further hosts have only the limit for all clients together.
const MAX_HOSTS: usize = 256;

/// The turns that connections have taken: of all clients together, and of each host.
#[derive(Debug)]
pub(crate) struct HandshakePace {
    all: Bucket,
    hosts: HashMap<IpAddr, Bucket>,
}

/// A token bucket: a limit of an average rate that allows bursts.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    interval: Duration,
    /// The instant at which the bucket will be full again if no more turns are taken.
    earned_at: Instant,
}

// === impl HandshakePace ===

impl HandshakePace {
    /// Makes a pace at which no turn has been taken.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            all: Bucket::new(INTERVAL, now),
            hosts: HashMap::new(),
        }
    }

    /// Takes a turn for a connection of `peer`, and returns its instant. Takes none and returns `None` if the wait would exceed
    /// [`MAX_WAIT`].
    pub(crate) fn turn(&mut self, peer: IpAddr, now: Instant) -> Option<Instant> {
        if self.hosts.len() >= MAX_HOSTS {
            self.hosts.retain(|_, bucket| bucket.earned_at > now);
        }
        let host = host::of(peer);
        let before = self.hosts.get(&host).copied();
        let mut bucket = before.unwrap_or(Bucket::new(HOST_INTERVAL, now));
        let turn = bucket.turn(now).max(self.all.turn(now));
        if turn > now + MAX_WAIT {
            return None;
        }
        self.all.take(now);
        bucket.take(now);
        if before.is_some() || self.hosts.len() < MAX_HOSTS {
            self.hosts.insert(host, bucket);
        }
        Some(turn)
    }
}

// === impl Bucket ===

impl Bucket {
    const fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            earned_at: now,
        }
    }

    /// Returns the instant of the next turn, without taking it.
    fn turn(&self, now: Instant) -> Instant {
        let turn = self.earned_at.checked_sub(BURST).unwrap_or(now);
        turn.max(now)
    }

    fn take(&mut self, now: Instant) {
        self.earned_at = self.earned_at.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn peer(n: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + n).into()
    }

    /// Asks for `n` turns of a host, and returns the numbers of turns at once, of turns later, and of refusals.
    fn turns(pace: &mut HandshakePace, host: u32, n: u32, now: Instant) -> [u32; 3] {
        let mut turns = [0; 3];
        for _ in 0..n {
            match pace.turn(peer(host), now) {
                Some(turn) if turn == now => turns[0] += 1,
                Some(turn) => {
                    assert!(turn <= now + MAX_WAIT);
                    turns[1] += 1;
                }
                None => turns[2] += 1,
            }
        }
        turns
    }

    #[test]
    fn one_host_waits_and_others_do_not() {
        let mut now = Instant::now();
        let mut pace = HandshakePace::new(now);
        assert_eq!(turns(&mut pace, 1, 10, now), [10, 0, 0]);
        assert_eq!(turns(&mut pace, 1, 1000, now), [11, 40, 949]);
        now += Duration::from_secs(1);
        assert_eq!(turns(&mut pace, 1, 1000, now), [0, 20, 980]);
        assert_eq!(turns(&mut pace, 2, 10, now), [10, 0, 0]);
        now += Duration::from_secs(60);
        assert_eq!(turns(&mut pace, 1, 10, now), [10, 0, 0]);
    }

    #[test]
    fn all_hosts_together_are_bounded() {
        let mut now = Instant::now();
        let mut pace = HandshakePace::new(now);
        let mut n_turns = 0;
        for second in 0..10_u32 {
            for host in 0..10_000 {
                n_turns += u32::from(pace.turn(peer(second * 10_000 + host), now).is_some());
            }
            now += Duration::from_secs(1);
        }
        assert!((900..1300).contains(&n_turns), "{n_turns}");
        assert!(pace.hosts.len() <= MAX_HOSTS);
    }
}
