//! The counts of requests and of faults.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};

use tokio::time::Instant;

use super::{fault::Injected, protocol::Api};

/// The number of arrivals that are remembered; older ones are forgotten, but stay counted.
const REMEMBERED: usize = 200_000;

/// One request as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The time at which the request's last byte was read, on the monotonic clock, which all processes of the machine share.
    pub at: Instant,
    /// The API that was asked.
    pub api: Api,
    /// The node that was asked.
    pub node: i32,
    /// The address of the client.
    pub from: IpAddr,
}

#[derive(Debug, Default)]
pub(crate) struct RequestCounts {
    pub(crate) requests: BTreeMap<(Api, i32), u64>,
    pub(crate) injected: BTreeMap<(Api, Injected), u64>,
    pub(crate) arrivals: VecDeque<Arrival>,
    /// The number of connections open now, by node.
    pub(crate) connections: BTreeMap<i32, u64>,
}

// === impl RequestCounts ===

impl RequestCounts {
    pub(crate) fn arrived(&mut self, arrival: Arrival) {
        *self
            .requests
            .entry((arrival.api, arrival.node))
            .or_default() += 1;
        if self.arrivals.len() == REMEMBERED {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(arrival);
    }

    pub(crate) fn n_requests(&self, api: Api) -> u64 {
        let asked = self.requests.iter().filter(|((asked, _), _)| *asked == api);
        asked.map(|(_, n)| n).sum()
    }

    pub(crate) fn n_connections(&self) -> u64 {
        self.connections.values().sum()
    }

    pub(crate) fn struck(&mut self, api: Api, injected: &[Injected]) {
        for injected in injected {
            *self.injected.entry((api, *injected)).or_default() += 1;
        }
    }
}
