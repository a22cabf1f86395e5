//! A bounded queue of passwords that wait to be compared, with a lower bound for each host.
//!
//! Passwords are compared one after the other. At most [`MAX_FROM_ONE`] passwords from one host wait, and further ones are turned away at
//! once, so a host that sends many wrong passwords hardly delays a scraper on another host.
//!
//! Not promised: a turn for a new password while wrong ones come from many addresses.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::host;

/// The greatest number of waiting passwords.
const MAX_WAITING: usize = 32;

/// The greatest number of waiting passwords from one host. Prometheus may scrape several endpoints at once, so it is more than 1.
const MAX_FROM_ONE: usize = 4;

/// The queue, with the oldest item first and the host of each.
#[derive(Debug)]
pub(super) struct WaitingRoom<T> {
    waiting: VecDeque<(IpAddr, T)>,
}

// === impl WaitingRoom ===

impl<T> WaitingRoom<T> {
    /// Makes an empty queue.
    pub(super) const fn new() -> Self {
        let waiting = VecDeque::new();
        Self { waiting }
    }

    /// Appends `item`, which came from `peer`.
    ///
    /// # Errors
    /// Returns the item if too many items wait, in all or from the host of `peer`.
    pub(super) fn enter(&mut self, peer: IpAddr, item: T) -> Result<(), T> {
        let host = host::of(peer);
        let from_host = self.waiting.iter().filter(|(other, _)| *other == host);
        if self.waiting.len() >= MAX_WAITING || from_host.count() >= MAX_FROM_ONE {
            return Err(item);
        }
        self.waiting.push_back((host, item));
        Ok(())
    }

    /// Removes and returns the oldest item.
    pub(super) fn next(&mut self) -> Option<T> {
        self.waiting.pop_front().map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn one_host_takes_only_a_part_of_the_room() {
        let mut room = WaitingRoom::new();
        let (mut n_waiting, other) = (0, "10.0.0.2".parse().unwrap());
        for i in 0..100 {
            let peer = if i % 2 == 0 {
                "10.0.0.1"
            } else {
                "::ffff:10.0.0.1"
            };
            n_waiting += usize::from(room.enter(peer.parse().unwrap(), i).is_ok());
        }
        assert_eq!(n_waiting, MAX_FROM_ONE);
        assert_eq!(room.enter(other, 100), Ok(()));
        let order: Vec<_> = std::iter::from_fn(|| room.next()).collect();
        assert_eq!(order, [0, 1, 2, 3, 100]);
    }

    #[test]
    fn the_room_is_bounded() {
        let mut room = WaitingRoom::new();
        for i in 0..1000_u16 {
            let peer = Ipv6Addr::new(0x2001, 0xdb8, 0, i, 1, 2, 3, 4);
            let entered = room.enter(peer.into(), i);
            assert_eq!(entered.is_ok(), usize::from(i) < MAX_WAITING);
        }
        for i in 0..10 {
            let peer = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, i, i, i, i);
            room.next().unwrap();
            assert_eq!(room.enter(peer.into(), 0).is_ok(), i < 4);
        }
    }
}
