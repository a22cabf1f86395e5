//! Properties of the state machine: in any order of events, no consumer acts under a leadership that is over.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestRunner};

use crate::simulation::{Health, SimulatedPod, SimulationStep};

/// Returns the step for `kind`, a number below 100. Each step has a share of these numbers, which sets how often the step
/// occurs.
fn step(kind: u8, choice: u16) -> SimulationStep {
    let health = if choice.is_multiple_of(8) {
        Health::Ill
    } else {
        Health::Good
    };
    // In half of all cases the index is 0, which is the oldest message on its way.
    let index = usize::from(choice / 2) * usize::from(choice % 2);
    let ms = u64::from(choice);
    match kind {
        0..4 => SimulationStep::Pass(ms % 50),
        4..8 => SimulationStep::Pass(ms % 700),
        8..11 => SimulationStep::Pass(ms % 8_000),
        11..43 => SimulationStep::Poll(health),
        43..51 => SimulationStep::Send(health),
        51..63 => SimulationStep::Hear(index),
        63..75 => SimulationStep::Answer(index),
        75..87 => SimulationStep::Read(index),
        87..89 => SimulationStep::Abandon,
        89..96 => SimulationStep::Write,
        96..97 => SimulationStep::CollectorRestarts,
        97..99 => SimulationStep::ElectorRestarts,
        _ => SimulationStep::End,
    }
}

#[test]
fn nobody_acts_under_a_leadership_that_is_over() {
    let config = Config {
        cases: 8_000,
        failure_persistence: None,
        ..Config::default()
    };
    let (n_granted, n_released) = (Cell::new(0), Cell::new(0));
    TestRunner::new(config)
        .run(&vec((0_u8..100, any::<u16>()), 1..150), |steps| {
            let mut pod = SimulatedPod::new();
            for (kind, choice) in steps {
                pod.go(&step(kind, choice));
            }
            n_granted.set(n_granted.get() + pod.n_granted);
            n_released.set(n_released.get() + pod.n_released);
            Ok(())
        })
        .unwrap();
    assert!(n_granted.get() > 10_000, "too few grants: {n_granted:?}");
    assert!(n_released.get() > 1_000, "too few releases: {n_released:?}");
}
