//! The servers and pods of the soak: a Kubernetes control plane, three Kafka brokers under load, and two pods.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::args::Args;
use super::failovers::DURATIONS;
use crate::lab::kafka::Plan;
use crate::lab::observer::Pace;
use crate::lab::process::Process;
use crate::lab::programs::Program;
use crate::lab::{ControlPlane, Kafka, KafkaRoutes, PairPlan, TwoPods};
use crate::nemesis::duel::Duel;
use crate::nemesis::schedule::Schedule;

/// The number of brokers, of which one at a time is restarted.
pub(super) const BROKERS: u16 = 3;

/// Lines of every broker's server.properties. Partitions stay writable while one broker is away; commits of groups without members
/// expire soon, as `tests/src/soak/truth/lines.rs` expects; leadership moves only when the load says so.
const PROPERTIES: &str = "min.insync.replicas=2\n\
    offsets.topic.num.partitions=12\n\
    offsets.retention.minutes=2\n\
    offsets.retention.check.interval.ms=10000\n\
    log.retention.check.interval.ms=5000\n\
    auto.leader.rebalance.enable=false\n";

/// Everything that runs, and is stopped when dropped.
pub(super) struct Arena {
    // Fields are dropped in this order: first the pods, then the load, the servers, and the routes that lead to them.
    pub(super) duel: Duel,
    pub(super) load: Process,
    /// The output of the load, which has its journal.
    pub(super) journal: PathBuf,
    pub(super) kafka: Kafka,
    pub(super) _plane: ControlPlane,
    pub(super) routes: [KafkaRoutes; 2],
}

// === impl Arena ===

impl Arena {
    /// Starts everything, and returns when pod a leads and pod b stands by.
    pub(super) fn start(args: &Args, nothing: &Schedule) -> Result<Self> {
        let open = || KafkaRoutes::open(BROKERS.into());
        let routes = [open()?, open()?];
        let mut plan = Plan::of(BROKERS);
        PROPERTIES.clone_into(&mut plan.extra);
        plan.proxied = (0..usize::from(BROKERS))
            .map(|broker| {
                routes
                    .iter()
                    .map(|route| route.listeners()[broker])
                    .collect()
            })
            .collect();
        let kafka = Kafka::start(&plan)?;
        let plane = ControlPlane::start()?;
        // The topics that grow have a new partition some twelve times.
        let grow_secs = (args.length().as_secs() / 12).to_string();
        let (load, journal) = kafka.soak(&grow_secs).context("the load")?;
        let mut plan = PairPlan::of("soak", DURATIONS);
        plan.pace = Pace {
            pause: std::time::Duration::from_millis(50),
            metrics_every: 10,
        };
        for (plan, route) in plan.plans.iter_mut().zip(&routes) {
            plan.bootstrap = Some(route.bootstrap());
            plan.poll_interval = "5s";
        }
        let pair = TwoPods::start(plane.kube(), &plan)?;
        Ok(Self {
            duel: Duel::of(Program::Elector, pair, nothing),
            load,
            journal,
            kafka,
            _plane: plane,
            routes,
        })
    }
}
