//! Faults as a test describes them: the answers that a fault strikes, how many of them, and the effect.

use std::time::Duration;

use super::protocol::Api;

mod active;

pub(crate) use active::{Active, FaultSite, Faults};

/// Something that goes wrong with answers to one kind of request.
///
/// Without a target, an error code stands wherever such an answer carries codes: in each group of an `OffsetFetch`, each partition of a
/// `ListOffsets` or `Fetch`, each topic of a `Metadata`, once in a `ListGroups`. A share is a share of these places; for faults other
/// than codes it is a share of answers.
#[derive(Clone, Debug)]
pub struct Fault {
    api: Api,
    node: Option<i32>,
    target: Target,
    effect: Effect,
    share: Share,
    times: u64,
}

/// The id of an injected fault, by which it can be cleared alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(pub(crate) u64);

/// The effect of a fault, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Injected {
    /// The answer carried this error code.
    Code(i16),
    /// The answer was late.
    Delay,
    /// The answer was never sent.
    Stall,
    /// Half of the answer was sent, and the connection closed.
    Close,
    /// Half of the answer was sent, framed as if it were whole.
    Truncate,
    /// The answer was sent with all bytes after the correlation id inverted.
    Corrupt,
    /// The answer was sent with a correlation id that no request had.
    CorrelationId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Any,
    Group(String),
    Topic(String),
    Partition(String, i32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    Code(i16),
    Delay(Duration),
    Stall,
    Close,
    Truncate,
    Corrupt,
    CorrelationId,
}

#[derive(Clone, Copy, Debug)]
enum Share {
    Every(u64),
    Random { share: f64, seed: u64 },
}

// === impl Fault ===

impl Fault {
    /// Makes answers carry the error `code`.
    pub fn error(api: Api, code: i16) -> Self {
        Self::new(api, Effect::Code(code))
    }

    /// Makes answers come `delay` late, and with them all later answers on the connection.
    pub fn delay(api: Api, delay: Duration) -> Self {
        Self::new(api, Effect::Delay(delay))
    }

    /// Withholds answers for ever, and with them all later answers on the connection.
    pub fn stall(api: Api) -> Self {
        Self::new(api, Effect::Stall)
    }

    /// Closes the connection in the middle of an answer.
    pub fn close(api: Api) -> Self {
        Self::new(api, Effect::Close)
    }

    /// Cuts off the second half of answers, which are framed as if they were whole.
    pub fn truncate(api: Api) -> Self {
        Self::new(api, Effect::Truncate)
    }

    /// Inverts all bytes of answers after the correlation id.
    pub fn corrupt(api: Api) -> Self {
        Self::new(api, Effect::Corrupt)
    }

    /// Gives answers a correlation id that no request had.
    pub fn wrong_correlation_id(api: Api) -> Self {
        Self::new(api, Effect::CorrelationId)
    }

    fn new(api: Api, effect: Effect) -> Self {
        let share = Share::Every(1);
        Self {
            api,
            node: None,
            target: Target::Any,
            effect,
            share,
            times: u64::MAX,
        }
    }

    /// Limits the fault to answers of this node.
    #[must_use]
    pub fn on_node(self, node: i32) -> Self {
        Self {
            node: Some(node),
            ..self
        }
    }

    /// Limits the fault to this group in answers.
    #[must_use]
    pub fn for_group(self, group: &str) -> Self {
        Self {
            target: Target::Group(group.to_owned()),
            ..self
        }
    }

    /// Limits the fault to this topic in answers, and to its partitions.
    #[must_use]
    pub fn for_topic(self, topic: &str) -> Self {
        Self {
            target: Target::Topic(topic.to_owned()),
            ..self
        }
    }

    /// Limits the fault to this partition in answers.
    #[must_use]
    pub fn for_partition(self, topic: &str, partition: i32) -> Self {
        Self {
            target: Target::Partition(topic.to_owned(), partition),
            ..self
        }
    }

    /// Limits the fault to every `n`th answer or place of an error code.
    #[must_use]
    pub fn every(self, n: u64) -> Self {
        Self {
            share: Share::Every(n.max(1)),
            ..self
        }
    }

    /// Limits the fault to this share of answers or places of an error code, from 0 to 1; the choice is random but the same in
    /// each run.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Self {
            share: Share::Random { share, seed: 1 },
            ..self
        }
    }

    /// Sets another seed for the random choice of [`Fault::share`].
    #[must_use]
    pub fn seed(mut self, other: u64) -> Self {
        if let Share::Random { seed, .. } = &mut self.share {
            *seed = other;
        }
        self
    }

    /// Limits the fault to the first `times` answers or places of an error code.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }
}
