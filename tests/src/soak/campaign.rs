//! The course of a soak: everything is started, disturbed and watched until the time is over, and the results are written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use tokio::sync::watch;
use tokio::time::Instant;

use super::arena::Arena;
use super::args::{Args, Plant};
use super::brokers;
use super::failovers::{self, Failover};
use super::judge::{Glance, Judge, Message};
use super::logs;
use super::processes::{self, Lives};
use super::results::{Outcome, Results};
use super::scrapes;
use crate::lab;
use crate::lab::pod::Part;
use crate::lab::process::Signal;
use crate::nemesis::lease_reader::LeaseReader;
use crate::nemesis::recording::Origin;
use crate::nemesis::schedule::Schedule;

/// The pause between two looks at whether something is due.
const TICK: Duration = Duration::from_millis(50);
/// The time between two lines about the progress.
const SAY: Duration = Duration::from_secs(60);

/// The part of the soak that runs on the main thread: failovers, and looks at the processes.
struct Course<'a> {
    duel: &'a mut crate::nemesis::duel::Duel,
    load: &'a mut lab::process::Process,
    routes: &'a [lab::KafkaRoutes; 2],
    glance: watch::Receiver<Glance>,
    stop: &'a AtomicBool,
    begun: Instant,
    lives: Lives,
    failovers: Vec<Failover>,
    next_look: Instant,
    next_line: Instant,
}

/// Runs a soak; writes and prints the results.
///
/// # Errors
/// The lab or the load failed, so nothing is proved, or a file could not be written.
pub fn run(args: &Args) -> Result<Outcome> {
    let _reservation = lab::reserve()?;
    super::signals::give_up_on_signals()?;
    lab::say("starting etcd, the API server, three Kafka brokers, their load, and two pods");
    let mut arena = Arena::start(args, &failovers::nothing())?;
    let results = soak(args, &mut arena)?;
    results.write(args)
}

fn soak(args: &Args, arena: &mut Arena) -> Result<Results> {
    let ports = arena.duel.pair().pods().map(lab::Pod::port);
    let (messages, received) = mpsc::channel();
    let (sender, glance) = watch::channel(Glance::default());
    let judge = Judge::open(&arena.journal, sender)?;
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let mut course = Course {
        duel: &mut arena.duel,
        load: &mut arena.load,
        routes: &arena.routes,
        glance: glance.clone(),
        stop: &stop,
        begun,
        lives: Lives::default(),
        failovers: Vec::new(),
        next_look: begun,
        next_line: begun + SAY,
    };
    let kafka = &mut arena.kafka;
    let (lived, restarts, tally) = thread::scope(|scope| {
        let judging = scope.spawn(move || judge.run(&received));
        let stop = &stop;
        for (pod, port) in ports.into_iter().enumerate() {
            let messages = messages.clone();
            scope.spawn(move || scrapes::scrape((pod, port), args.plant, &messages, stop));
        }
        let of_brokers: Sender<Message> = messages.clone();
        let restarting = scope.spawn(move || {
            let restarts =
                brokers::restart(kafka, args.broker_every(), (&of_brokers, &glance), stop);
            if restarts.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            restarts
        });
        drop(messages);
        let lived = course.run(args);
        stop.store(true, Ordering::Relaxed);
        (lived, joined(restarting), joined(judging))
    });
    // The judge knows best why the load is broken.
    let tally = tally??;
    lived?;
    let restarts = restarts??;
    let Course {
        lives,
        failovers,
        duel,
        ..
    } = course;
    let pods = duel.pair().pods();
    Ok(Results {
        length: begun.elapsed().as_secs_f64(),
        is_cut_short: lab::is_given_up(),
        failovers,
        restarts,
        tally,
        lives: lives.lives,
        log: logs::kinds(pods),
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow!("a thread of the soak panicked"))
}

// === impl Course ===

impl Course<'_> {
    /// Runs rounds until the time is over, or the process is to end.
    fn run(&mut self, args: &Args) -> Result<()> {
        let end = self.begun + args.length();
        let mut n = 0;
        while Instant::now() < end && !lab::is_given_up() {
            let left = end.saturating_duration_since(Instant::now());
            let every = args.failover_every();
            // What is left after the last whole round belongs to it.
            let length = if left < 2 * every { left } else { every };
            if length < every {
                self.wait_until(end)?;
                break;
            }
            let leader = self.duel.pair().acting().unwrap_or(0);
            self.round(&failovers::schedule(n, leader, length))?;
            n += 1;
            if n == 1 && args.plant == Some(Plant::Crash) {
                self.duel
                    .pair()
                    .pod(1)
                    .signal(&[Part::Collector], Signal::Kill)?;
            }
        }
        Ok(())
    }

    fn round(&mut self, schedule: &Schedule) -> Result<()> {
        let origin = Instant::now();
        for routes in self.routes {
            routes.forget(origin);
        }
        self.duel.renew(schedule, Origin(origin));
        let reader = LeaseReader::new(Origin(origin));
        let lease = self.duel.lease().clone();
        let reads = thread::scope(|scope| {
            let reading = scope.spawn(|| reader.run(&lease));
            let disturbed = self.disturb(schedule, origin);
            reader.end();
            let reads = joined(reading);
            disturbed.and(reads)
        })?;
        let recording = self.duel.recording(schedule, (reads, &[]), self.routes)?;
        let failover = Failover::of(&recording, (self.begun, origin));
        let Failover {
            at,
            fault,
            gap,
            failures,
            ..
        } = &failover;
        lab::say(format_args!(
            "{at:6.1} s  {fault}: {gap:.2} s without a leader"
        ));
        for what in failures {
            lab::say(format_args!("  FAILED: {what}"));
        }
        self.failovers.push(failover);
        Ok(())
    }

    fn disturb(&mut self, schedule: &Schedule, origin: Instant) -> Result<()> {
        let at = |ms| origin + Duration::from_millis(ms);
        let fault = &schedule.faults[0];
        self.wait_until(at(fault.at_ms))?;
        self.duel.begin(0, fault)?;
        self.wait_until(at(fault.end_ms()))?;
        self.duel.end(0, fault)?;
        self.wait_until(at(schedule.lasts_ms))
    }

    /// Waits, and does what is due meanwhile. It returns at once when the process is to end.
    fn wait_until(&mut self, due: Instant) -> Result<()> {
        while Instant::now() < due && !lab::is_given_up() {
            self.duel.keep()?;
            ensure!(self.load.ended()?.is_none(), "the load has ended");
            ensure!(self.glance.has_changed().is_ok(), "the judge has ended");
            ensure!(
                !self.stop.load(Ordering::Relaxed),
                "brokers cannot be restarted"
            );
            let now = Instant::now();
            if now >= self.next_look {
                self.next_look = now + processes::EVERY;
                for n in 0..2 {
                    self.lives.look(n, self.duel.pair().pod(n), self.begun);
                }
            }
            if now >= self.next_line {
                self.next_line = now + SAY;
                self.say();
            }
            lab::pause(TICK);
        }
        Ok(())
    }

    fn say(&self) {
        let Glance {
            n_scrapes,
            n_values,
            wrong,
            silences,
            ..
        } = *self.glance.borrow();
        let minutes = self.begun.elapsed().as_secs() / 60;
        let failovers = self.failovers.len();
        let rss = self.lives.now();
        lab::say(format_args!(
            "{minutes:4} min  {n_scrapes} scrapes, {n_values} values, {wrong} wrong, {silences} silences, {failovers} failovers; {rss}"
        ));
    }
}
