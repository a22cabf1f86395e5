//! The demo: a Kafka with groups that read at different speeds, the collector beside it, and a table of what the
//! collector says.
//!
//! Everything it starts ends with it. Nothing it shows is made here: the table is read from `/metrics`.

mod args;
mod exporter;
mod kafka;
mod lines;
mod real;
mod scenario;
mod screen;
mod simulated;
mod table;

use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::exporter::Exporter;
use self::kafka::Kafka;
use self::screen::Screen;

pub use self::args::Args;

/// How often records are written and read.
const STEP: Duration = Duration::from_millis(100);

/// Shows the demo until a signal, or for as long as `args` say.
///
/// # Errors
/// Something could not be started, or ended by itself.
pub async fn run(args: &Args) -> Result<()> {
    let stop = on_signals()?;
    let mut screen = Screen::of(std::io::stdout());
    let port = args.port()?;
    let Some(binary) = exporter::binary(&stop).await? else {
        return Ok(());
    };
    screen.line("Starting Kafka.")?;
    let Some(mut kafka) = kafka(args, &stop, &mut screen).await? else {
        return Ok(());
    };
    screen.line(format_args!("Kafka      {kafka}"))?;
    let exporter = Exporter::start(&binary, &kafka.bootstrap(), port)?;
    let mut demo = Demo {
        stop,
        ends: args
            .seconds
            .map(|n| Instant::now() + Duration::from_secs(n)),
        screen,
    };
    let shown = demo.show(&mut kafka, exporter).await;
    demo.screen.line("Stopping.")?;
    kafka.stop().await;
    shown
}

/// Kafka, started; `None` if a signal came first.
async fn kafka(
    args: &Args,
    stop: &CancellationToken,
    screen: &mut Screen,
) -> Result<Option<Kafka>> {
    let mut starting = pin!(Kafka::start(args));
    tokio::select! { biased;
    kafka = &mut starting => return kafka.map(Some),
    () = stop.cancelled() => {} }
    // What has begun to start is stopped in order only when it has.
    screen.line("Stopping as soon as Kafka has started.")?;
    starting.await?.stop().await;
    Ok(None)
}

/// Cancelled by the first SIGINT, SIGTERM or SIGHUP.
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

/// A demo that is under way.
#[derive(Debug)]
struct Demo {
    stop: CancellationToken,
    ends: Option<Instant>,
    screen: Screen,
}

enum Event {
    End,
    Step,
    Show,
}

// === impl Demo ===

impl Demo {
    /// Writes, reads and shows until the end; then the collector is stopped.
    async fn show(&mut self, kafka: &mut Kafka, mut exporter: Exporter) -> Result<()> {
        self.introduce(&exporter)?;
        let shown = self.run(kafka, &mut exporter).await;
        shown.and(exporter.stop())
    }

    async fn run(&mut self, kafka: &mut Kafka, exporter: &mut Exporter) -> Result<()> {
        let mut step = interval(STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut show = interval(self.screen.period());
        show.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let started = Instant::now();
        loop {
            let event = tokio::select! { biased;
            () = self.stop.cancelled() => Event::End,
            () = until(self.ends) => Event::End,
            _ = step.tick() => Event::Step,
            _ = show.tick() => Event::Show };
            match event {
                Event::End => return Ok(()),
                Event::Step => kafka.step(started.elapsed())?,
                Event::Show => {
                    let rows = exporter.table().await?;
                    self.screen.show(&rows, started.elapsed())?;
                }
            }
        }
    }

    fn introduce(&mut self, exporter: &Exporter) -> Result<()> {
        let port = exporter.port();
        let at = format!("http://127.0.0.1:{port}");
        let end = match (self.ends, std::io::stdin().is_terminal()) {
            (Some(_), _) => "Ends by itself, or with Ctrl-C.",
            (None, true) => "Ctrl-C ends it.",
            (None, false) => "SIGINT or SIGTERM ends it.",
        };
        for line in [
            format!("Collector  {at}/metrics   process {}", exporter.id()),
            format!("           {at}/ lists the other endpoints"),
            format!("           {} and log beside it", exporter.config()),
            format!("{end}\n"),
        ] {
            self.screen.line(line)?;
        }
        Ok(())
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
