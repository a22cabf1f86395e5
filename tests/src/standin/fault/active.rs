//! The faults that are active, and the choice of those that strike a given answer.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Effect, Fault, FaultId, Injected, Share, Target};
use crate::standin::protocol::{Api, Unit};

/// A place in an answer that can carry an error code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultSite<'a> {
    Answer,
    Group(&'a str),
    Topic(&'a str),
    Partition(&'a str, i32),
}

/// An active fault, with the numbers of places or answers that it matched and that its share chose.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) id: FaultId,
    fault: Fault,
    n_matched: AtomicU64,
    n_hit: AtomicU64,
}

/// The faults that may strike one answer.
#[derive(Debug)]
pub(crate) struct Faults {
    codes: Vec<Arc<Active>>,
    /// The faults other than error codes, each with a mark that the answer has a part that the fault is meant for.
    others: Vec<(Arc<Active>, Cell<bool>)>,
    unit: Unit,
    struck: RefCell<Vec<Injected>>,
}

// === impl Share ===

impl Share {
    fn takes(self, turn: u64) -> bool {
        match self {
            Self::Every(n) => (turn + 1).is_multiple_of(n),
            Self::Random { share, seed } => unit_interval(seed, turn) < share,
        }
    }
}

/// Returns a pseudo-random number in `0..1`, by `SplitMix64`.
fn unit_interval(seed: u64, turn: u64) -> f64 {
    let z = seed.wrapping_add(turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default();
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}

// === impl Effect ===

impl Effect {
    fn counted_as(self) -> Injected {
        match self {
            Self::Code(code) => Injected::Code(code),
            Self::Delay(_) => Injected::Delay,
            Self::Stall => Injected::Stall,
            Self::Close => Injected::Close,
            Self::Truncate => Injected::Truncate,
            Self::Corrupt => Injected::Corrupt,
            Self::CorrelationId => Injected::CorrelationId,
        }
    }
}

// === impl Active ===

impl Active {
    pub(crate) fn new(id: FaultId, fault: Fault) -> Self {
        Self {
            id,
            fault,
            n_matched: AtomicU64::new(0),
            n_hit: AtomicU64::new(0),
        }
    }

    fn concerns(&self, place: FaultSite<'_>, unit: Unit) -> bool {
        match (&self.fault.target, place) {
            (Target::Any, place) => place.unit() == unit,
            (Target::Group(wanted), FaultSite::Group(group)) => wanted == group,
            (Target::Topic(wanted), FaultSite::Topic(topic)) => wanted == topic,
            (Target::Topic(wanted), FaultSite::Partition(topic, _)) => {
                wanted == topic && unit != Unit::Topic
            }
            (Target::Partition(wanted, number), FaultSite::Partition(topic, partition)) => {
                wanted == topic && *number == partition
            }
            _ => false,
        }
    }

    fn strikes(&self) -> bool {
        let turn = self.n_matched.fetch_add(1, Ordering::Relaxed);
        self.fault.share.takes(turn)
            && self.n_hit.fetch_add(1, Ordering::Relaxed) < self.fault.times
    }
}

// === impl Faults ===

impl Faults {
    /// Returns the faults among `active` that may strike an answer of `node` to `api`.
    pub(crate) fn of(active: &[Arc<Active>], api: Api, node: i32) -> Self {
        let (mut codes, mut others) = (Vec::new(), Vec::new());
        for active in active {
            if active.fault.api != api || active.fault.node.is_some_and(|only| only != node) {
                continue;
            }
            if matches!(active.fault.effect, Effect::Code(_)) {
                codes.push(Arc::clone(active));
            } else {
                let concerned = active.fault.target == Target::Any;
                others.push((Arc::clone(active), Cell::new(concerned)));
            }
        }
        Self {
            codes,
            others,
            unit: api.unit(),
            struck: RefCell::default(),
        }
    }

    /// Returns the error code that a fault puts at this place of the answer, 0 for none, and counts the fault as struck.
    pub(crate) fn code_at(&self, place: FaultSite<'_>) -> i16 {
        for (active, concerned) in &self.others {
            concerned.set(concerned.get() || active.concerns(place, self.unit));
        }
        for active in self.codes.iter().filter(|a| a.concerns(place, self.unit)) {
            if let Effect::Code(code) = active.fault.effect
                && active.strikes()
            {
                self.struck.borrow_mut().push(Injected::Code(code));
                return code;
            }
        }
        0
    }

    /// Returns the effects on the answer as a whole, and counts them as struck. Must be called once for each answer, after
    /// [`Self::code_at`] for all its parts.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        let concerned = self.others.iter().filter(|(_, concerned)| concerned.get());
        let struck = concerned.filter(|(active, _)| active.strikes());
        let effects: Vec<Effect> = struck.map(|(active, _)| active.fault.effect).collect();
        self.struck
            .borrow_mut()
            .extend(effects.iter().map(|effect| effect.counted_as()));
        effects
    }

    /// Returns the faults that struck this answer.
    pub(crate) fn into_struck(self) -> Vec<Injected> {
        self.struck.into_inner()
    }
}

// === impl FaultSite ===

impl FaultSite<'_> {
    fn unit(self) -> Unit {
        match self {
            Self::Answer => Unit::Answer,
            Self::Group(_) => Unit::Group,
            Self::Topic(_) => Unit::Topic,
            Self::Partition(..) => Unit::Partition,
        }
    }
}
