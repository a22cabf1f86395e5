//! The demo: a Kafka with groups that read at different speeds, two pods that compete for a Lease, and a table of the lag
//! that the leading pod exports. A person who watches can end the leader and see the other pod take over.
//!
//! Everything that the demo starts ends with it. The lag it shows is read from `/metrics`, and the leader from `/leader`.

mod args;
mod backends;
mod kafka;
mod keys;
mod kubernetes;
mod leader_tracker;
mod lines;
pub mod picture;
mod pod;
mod pods;
mod programs;
mod real_kafka;
mod real_or_stand_in;
mod scenario;
mod screen;
mod simulated_kafka;
mod status_poller;
mod table;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::backends::Backends;
use self::kafka::DemoKafka;
use self::keys::{Key, Keyboard};
use self::leader_tracker::{Ending, Poll};
use self::pod::{DURATIONS, DemoPod};
use self::pods::Pods;
use self::programs::Programs;
use self::screen::Screen;

use self::args::Layout;

pub use self::args::Args;

/// The interval at which records are written and read.
const STEP: Duration = Duration::from_millis(100);

/// Runs the demo until SIGINT, SIGTERM or SIGHUP comes, or for the time that `args` give.
///
/// # Errors
/// A server or a program cannot be started, or ends by itself.
pub async fn run(args: &Args) -> Result<()> {
    let stop = on_signals()?;
    let mut screen = Screen::of(std::io::stdout());
    let layout = args.layout()?;
    let Some(programs) = Programs::find(&stop).await? else {
        return Ok(());
    };
    screen.line(if args.alone {
        "Starting Kafka."
    } else {
        "Starting Kafka and Kubernetes."
    })?;
    let Some(mut backends) = Backends::start(args, &stop).await? else {
        return Ok(());
    };
    let shown = match pods(&backends, &programs, layout).and_then(Pods::start) {
        Ok(pods) => {
            let mut demo = Demo::of(args, (stop, screen));
            demo.show(&mut backends, pods).await
        }
        Err(error) => Err(error),
    };
    let stopped = backends.stop().await;
    shown.and(stopped)
}

/// Creates the pods of `layout`, configured for the servers in `backends`. The pods are not started yet.
fn pods(backends: &Backends, programs: &Programs, layout: Layout) -> Result<Vec<DemoPod>> {
    let kafka = backends.kafka.bootstrap();
    match (layout, &backends.kubernetes) {
        (Layout::Two([a, b]), Some(kubernetes)) => {
            let kubeconfig = kubernetes.kubeconfig();
            let ways = (&*kafka, &*kubeconfig);
            Ok(vec![
                DemoPod::elected("pod-a", programs, a, ways)?,
                DemoPod::elected("pod-b", programs, b, ways)?,
            ])
        }
        (Layout::Alone(port) | Layout::Two([[port, _], _]), _) => {
            Ok(vec![DemoPod::alone("collector", programs, port, &kafka)?])
        }
    }
}

/// Returns a token that the first SIGINT, SIGTERM or SIGHUP cancels.
fn on_signals() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    for kind in kinds {
        let mut signals = signal(kind)?;
        let stop = stop.clone();
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    Ok(stop)
}

/// A running demo: the screen, the keys, and the times of what it does next.
#[derive(Debug)]
struct Demo {
    stop: CancellationToken,
    screen: Screen,
    keys: Keyboard,
    /// The way in which Enter ends a pod.
    ending: Ending,
    begun: Instant,
    ends: Option<Instant>,
    show: Interval,
    /// The next time at which the demo prints the time without a leader.
    nobody: Instant,
}

enum DemoEvent {
    Step,
    Show,
    Seen(Result<Poll>),
    Typed(Key),
}

// === impl Demo ===

impl Demo {
    fn of(args: &Args, (stop, screen): (CancellationToken, Screen)) -> Self {
        let begun = Instant::now();
        let mut show = interval(screen.period());
        show.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            stop,
            screen,
            keys: if args.alone {
                Keyboard::none()
            } else {
                Keyboard::read()
            },
            ending: args.ending(),
            begun,
            ends: args.seconds.map(|n| begun + Duration::from_secs(n)),
            show,
            nobody: begun,
        }
    }

    /// Introduces the demo and runs it to its end; then ends the pods.
    async fn show(&mut self, backends: &mut Backends, mut pods: Pods) -> Result<()> {
        self.introduce(backends, &pods)?;
        let shown = self.run(&mut backends.kafka, &mut pods).await;
        self.screen.line("Stopping.")?;
        let slow = pods.stop().await?;
        self.say(slow)?;
        shown
    }

    async fn run(&mut self, kafka: &mut DemoKafka, pods: &mut Pods) -> Result<()> {
        let mut step = interval(STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stop.clone();
        loop {
            let event = tokio::select! { biased;
            () = stop.cancelled() => return Ok(()),
            () = until(self.ends) => return Ok(()),
            _ = step.tick() => DemoEvent::Step,
            key = self.keys.next() => DemoEvent::Typed(key),
            _ = self.show.tick() => DemoEvent::Show,
            poll = pods.next() => DemoEvent::Seen(poll) };
            // Handling an event may wait for a pod's answer, so a signal ends the handling too.
            tokio::select! { biased;
            () = stop.cancelled() => return Ok(()),
            done = self.on(event, kafka, pods) => done? }
        }
    }

    async fn on(&mut self, event: DemoEvent, kafka: &mut DemoKafka, pods: &mut Pods) -> Result<()> {
        match event {
            DemoEvent::Step => {
                kafka.step(self.begun.elapsed())?;
                let lines = pods.check()?;
                self.say(lines)?;
                let lag = pods.lag_again().await?;
                self.say(lag)?;
                self.nobody(pods)
            }
            // While nobody leads, an output that is no terminal gets the time without a leader each second, instead of the table.
            DemoEvent::Show if self.shows_only_time(pods) => Ok(()),
            DemoEvent::Show => {
                let rows = pods.table().await?;
                let mut headline = self.headline(pods);
                if pods.is_alone() && rows.is_empty() {
                    headline.push_str(": nothing collected yet");
                }
                self.screen.show(&rows, &headline)
            }
            DemoEvent::Seen(poll) => self.say(pods.see(poll?)),
            DemoEvent::Typed(key) => self.typed(key, pods),
        }
    }

    fn typed(&mut self, key: Key, pods: &mut Pods) -> Result<()> {
        self.screen.typed();
        match key {
            Key::End(how) => {
                let did = pods.end_leader(how.unwrap_or(self.ending))?;
                self.nobody = Instant::now() + self.screen.tick();
                self.say([did])
            }
            Key::Other => self.say([keys(self.ending)]),
        }
    }

    /// Shows the time without a leader at every tick while nobody leads, more often than the table is shown.
    fn nobody(&mut self, pods: &Pods) -> Result<()> {
        let now = Instant::now();
        if pods.nobody_for(now).is_some() && now >= self.nobody {
            self.nobody = now + self.screen.tick();
            let headline = self.headline(pods);
            self.screen.nobody(&headline)?;
        }
        Ok(())
    }

    /// Prints lines that stay on the screen. A table that they overwrote is shown again at once.
    fn say(&mut self, lines: impl IntoIterator<Item = String>) -> Result<()> {
        for line in lines {
            self.screen.line(line)?;
            if self.screen.is_redrawn() {
                self.show.reset_immediately();
            }
        }
        Ok(())
    }

    fn shows_only_time(&self, pods: &Pods) -> bool {
        !self.screen.is_redrawn() && pods.nobody_for(Instant::now()).is_some()
    }

    fn headline(&self, pods: &Pods) -> String {
        let seconds = self.begun.elapsed().as_secs();
        format!("after {seconds} s{}", pods.headline(Instant::now()))
    }

    fn introduce(&mut self, backends: &Backends, pods: &Pods) -> Result<()> {
        let mut lines = vec![format!("Kafka       {}", backends.kafka)];
        if let (Some(kubernetes), Some(pod)) = (&backends.kubernetes, pods.all().first()) {
            let (duration, grace) = DURATIONS;
            lines.extend([
                format!("Kubernetes  {kubernetes}"),
                format!("Lease       {}", kubernetes.look(&pod.file("kubeconfig"))),
                format!(
                    "            lease_duration_secs = {duration}, grace_period_secs = {grace}: less than 15 and 5, the defaults, so that a kill is soon followed"
                ),
            ]);
        }
        lines.extend(pods.all().iter().flat_map(DemoPod::introduction));
        let end = match (self.ends, std::io::stdin().is_terminal()) {
            (Some(_), _) => "Ends by itself, or with Ctrl-C.",
            (None, true) => "Ctrl-C ends the demo.",
            (None, false) => "SIGINT or SIGTERM ends the demo.",
        };
        if backends.kubernetes.is_some() {
            lines.push(keys(self.ending));
        }
        lines.push(format!("{end}\n"));
        self.say(lines)
    }
}

/// Returns the text that lists the lines that may be typed.
fn keys(enter: Ending) -> String {
    let (enter, other) = match enter {
        Ending::Kill => ("SIGKILL", "t and Enter sends it SIGTERM"),
        Ending::Terminate => ("SIGTERM", "k and Enter sends it SIGKILL"),
    };
    format!(
        "Enter sends {enter} to the leading pod; {other}; it is started again when the other one leads."
    )
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
