//! Members that store arbitrary bytes: every prefix of a valid assignment, and valid ones with bytes changed, given to a whole collector.
//! The collector goes on, no other group's numbers change, and a group has members exactly if all of its assignments can be read.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::prom::{Exposition, Labels};
use e2e::lab::{self, Collector, Config, Length};
use e2e::standin::{GroupSpec, GroupState, MemberSpec, PartitionSpec, StandIn};

const SEED: u64 = 0x6b6c_6167_2d65_7870;
const NEIGHBOURS: usize = 8;
/// The number of hostile groups with one member in each round, and the number of those with several members.
const GROUPS: usize = 500;
const SEVERAL: usize = 19;
const LIMIT: Duration = Duration::from_secs(120);

/// A generator of pseudo-random numbers, the same in every run (xorshift64*, Vigna 2016).
struct Dice(u64);

/// The bytes of an assignment that are still to be read.
struct Cursor<'a>(&'a [u8]);

type Series = BTreeMap<(&'static str, Labels), u64>;

// === impl Dice ===

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).expect("small numbers");
        usize::try_from(self.next() % n).expect("small numbers")
    }

    fn byte(&mut self) -> u8 {
        // Half of the random bytes are bytes that often occur in lengths and counts.
        const TELLING: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
        match self.below(2) {
            0 => TELLING[self.below(TELLING.len())],
            _ => self.next().to_be_bytes()[0],
        }
    }

    /// Returns a valid assignment with some bytes changed, left out or doubled.
    fn mutated(&mut self, valid: &[u8]) -> Vec<u8> {
        let mut bytes = valid.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(8) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => {
                    bytes.remove(at);
                }
                2 => bytes.insert(at, self.byte()),
                3 => bytes.extend_from_within(at..),
                _ => {
                    let byte = self.byte();
                    bytes.get_mut(at).into_iter().for_each(|it| *it = byte);
                }
            }
        }
        bytes
    }
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let n = self.i16()?;
        self.take(usize::try_from(n).ok()?)
    }

    /// Reads an assignment by Kafka's ConsumerProtocolAssignment.json, with names and numbers that topics can have; returns
    /// `None` if this fails.
    fn assignment(&mut self) -> Option<()> {
        (self.i16()? >= 0).then_some(())?;
        for _ in 0..u32::try_from(self.i32()?).ok()? {
            let topic = self.string()?;
            let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
            ((1..250).contains(&topic.len()) && topic.iter().all(legal)).then_some(())?;
            for _ in 0..u32::try_from(self.i32()?).ok()? {
                (self.i32()? >= 0).then_some(())?;
            }
        }
        match self.i32()? {
            -1 => Some(()),
            n => self.take(usize::try_from(n).ok()?).map(|_| ()),
        }
    }
}

fn is_readable(bytes: &[u8]) -> bool {
    bytes.is_empty() || Cursor(bytes).assignment().is_some()
}

fn valid() -> Vec<Vec<u8>> {
    let plain = MemberSpec::new("m").assigned("orders", [0, 1, 2, 3]);
    let more = plain
        .clone()
        .assigned("payments", 0..9)
        .assigned("a.b-c_d", [7]);
    let all = [MemberSpec::new("m"), plain, more];
    all.map(|member| member.assignment_bytes().to_vec())
        .to_vec()
}

/// Returns the hostile groups of a round, each with the stored bytes of its members.
fn hostile(bytes: &mut impl Iterator<Item = Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    let sizes = (0..GROUPS).flat_map(|_| [1, SEVERAL]);
    let groups = sizes.map(|n| bytes.by_ref().take(n).collect::<Vec<_>>());
    groups.take_while(|members| !members.is_empty()).collect()
}

/// Returns the description of a group that looks different in each round, because the collector keeps what it knows of a group
/// that looks the same.
fn spec(members: &[Vec<u8>], n_rounds: usize, dice: &mut Dice) -> GroupSpec {
    let state = match n_rounds % 2 {
        0 => GroupState::Stable,
        _ => GroupState::PreparingRebalance,
    };
    let members = members.iter().map(|bytes| {
        let name: String = (0..dice.below(9))
            .map(|_| char::from(dice.byte()))
            .collect();
        MemberSpec::new(&name)
            .member_id(&name)
            .stored(bytes.clone())
    });
    members.fold(GroupSpec::classic().state(state), GroupSpec::member)
}

/// Returns all series of groups that the test does not change, except ages.
fn neighbours(metrics: &Exposition) -> Series {
    [
        "kafka_consumergroup_group_offset",
        "kafka_consumergroup_group_lag",
        "kafka_consumergroup_group_sum_lag",
        "kafka_consumergroup_group_max_lag",
        "kafka_consumergroup_group_topic_sum_lag",
        "kafka_consumergroup_group_state",
        "kafka_consumergroup_group_members",
        "kafka_consumergroup_group_complete",
    ]
    .into_iter()
    .flat_map(|family| metrics.series(family).map(move |it| (family, it)))
    .filter(|(_, (labels, _))| labels["group"].starts_with("neighbour"))
    .map(|(family, (labels, value))| ((family, labels.clone()), value.to_bits()))
    .collect()
}

fn start() -> Result<StandIn> {
    let mut builder =
        StandIn::builder().topic("orders", NEIGHBOURS, |_| PartitionSpec::ending_at(100));
    for (n, p) in (0..NEIGHBOURS).zip(0..) {
        let spec = if n % 4 == 0 {
            GroupSpec::consumer()
        } else {
            GroupSpec::classic()
        };
        let spec = spec.committed("orders", p, 10 + i64::from(p));
        let member = MemberSpec::new("reader").assigned("orders", [p]);
        builder = builder.group(&format!("neighbour-{n}"), spec.member(member));
    }
    Ok(tokio::runtime::Runtime::new()?.block_on(builder.start()))
}

/// Waits for a collection that has seen all groups as they are now, and judges its exposition; returns the number of groups with
/// an assignment that cannot be read.
fn judge(collector: &Collector, groups: &[Vec<Vec<u8>>], calm: &Series) -> Result<usize> {
    let n = |metrics: &Exposition| metrics.count("kafka_lag_exporter_collections_total", []);
    let before = n(&collector.metrics()?);
    // On a slow machine a collection may lack some values; it may not have wrong ones.
    let mut others = Vec::new();
    let metrics = collector.wait_for("the neighbours as they were", LIMIT, |metrics| {
        let now = neighbours(metrics);
        let changed = now
            .iter()
            .filter(|(series, value)| calm.get(*series) != Some(*value));
        others.extend(changed.map(|(series, _)| series.clone()));
        ensure!(n(metrics) >= before + 2 && now == *calm, "not yet");
        Ok(())
    })?;
    ensure!(others.is_empty(), "of neighbours: {others:?}");
    let mut shown: BTreeMap<&str, f64> = BTreeMap::new();
    for (labels, value) in metrics.series("kafka_consumergroup_group_members") {
        shown.insert(&labels["group"], value);
    }
    let mut n_unreadable = 0;
    for (i, members) in groups.iter().enumerate() {
        let readable = members.iter().all(|bytes| is_readable(bytes));
        n_unreadable += usize::from(!readable);
        let right = readable.then_some(members.len());
        let got = shown.get(&*name(i)).copied();
        let same = match (got, right) {
            (Some(got), Some(right)) => (got - f64::from(u32::try_from(right)?)).abs() < 1e-9,
            (got, right) => got.is_none() && right.is_none(),
        };
        ensure!(same, "{got:?} members, not {right:?}: {members:02x?}");
    }
    Ok(n_unreadable)
}

fn name(i: usize) -> String {
    format!("hostile-{i:04}")
}

#[test]
fn whatever_members_store_the_collector_goes_on_and_tells_the_same_of_others() -> Result<()> {
    let n_mutated = match Length::from_env() {
        Length::Full => 110_000,
        Length::Short => 9_000,
    };
    let valid = valid();
    let prefixes = valid
        .iter()
        .flat_map(|bytes| (1..=bytes.len()).map(|n| bytes[..n].to_vec()));
    let mut dice = Dice(SEED);
    let mutated = (0..n_mutated).map(|i| dice.mutated(&valid[i % valid.len()]));
    let all: Vec<Vec<u8>> = prefixes.chain(mutated).collect();
    let n_all = all.len();
    let mut bytes = all.into_iter();
    let kafka = start()?;
    let config = Config::of(&kafka.bootstrap()).every(Duration::from_millis(500));
    let mut collector = Collector::start(&config)?;
    let calm = neighbours(&collector.wait_until_complete(LIMIT)?);
    ensure!(calm.len() == 8 * NEIGHBOURS, "{} series", calm.len());
    let (mut n_groups, mut n_unreadable, mut n_rounds) = (0, 0, 0);
    loop {
        let groups = hostile(&mut bytes);
        if groups.is_empty() {
            break;
        }
        for (i, members) in groups.iter().enumerate() {
            kafka.add_group(&name(i), spec(members, n_rounds, &mut dice));
        }
        n_unreadable += judge(&collector, &groups, &calm)
            .context(format!("round {n_rounds}, seed {SEED:#x}"))?;
        ensure!(collector.ended()?.is_none(), "the collector has ended");
        n_groups += groups.len();
        n_rounds += 1;
    }
    let usage = collector.usage()?;
    lab::say(format_args!(
        "{n_all} assignments in {n_groups} groups, {n_rounds} rounds: {n_unreadable} groups unreadable, 0 deaths, 0 changes; RSS at most {} KiB",
        usage.rss_peak / 1024
    ));
    Ok(())
}
