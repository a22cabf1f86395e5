//! Wrong passwords from many addresses, while probes ask for `/health` and a client with the right password scrapes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::lab::closed_programs::ClosedPrograms;
use e2e::lab::closing::{PASSWORD, USER};
use e2e::lab::host::TempDir;
use e2e::lab::{self, Closing, Length, Way};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{self, Instant, MissedTickBehavior};

/// The number of wrong passwords per second.
const RATE: u32 = 200;

/// The number of addresses that wrong passwords come from.
const N_HOSTS: u32 = 20;

/// The time within which 99 of 100 probes must be answered.
const BOUND: Duration = Duration::from_millis(100);

/// The time after which a client no longer waits for its answer.
const LIMIT: Duration = Duration::from_secs(10);

/// The status and the duration of each answer to requests of one kind. The status is 0 where no answer came.
type Answers = Vec<(u16, Duration)>;

/// Sends a request from the address 127.0.0.`from`. Returns the status, and the time from before the connection to the last byte.
async fn ask(port: u16, from: u8, path: &str, password: Option<String>) -> Result<(u16, Duration)> {
    let begin = Instant::now();
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, from), 0)))?;
    let mut stream = socket
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await?;
    let login = password.map_or_else(String::new, |password| {
        let encoded = STANDARD.encode(format!("{USER}:{password}"));
        format!("Authorization: Basic {encoded}\r\n")
    });
    let request = format!("GET {path} HTTP/1.1\r\nHost: klag\r\n{login}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let head = String::from_utf8_lossy(&answer[..answer.len().min(15)]).into_owned();
    let status = head.split(' ').nth(1).context("no answer")?.parse()?;
    Ok((status, begin.elapsed()))
}

/// Sends a request each `every` until `end`, also while earlier ones wait for their answers. Returns all answers.
async fn ask_at<A>(every: Duration, end: Instant, ask: impl Fn(u32) -> A) -> Result<Answers>
where
    A: Future<Output = Result<(u16, Duration)>> + Send + 'static,
{
    let mut ticks = time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut asked, mut n) = (JoinSet::new(), 0);
    while Instant::now() < end {
        ticks.tick().await;
        asked.spawn(time::timeout(LIMIT, ask(n)));
        n += 1;
    }
    let mut answers = Vec::new();
    while let Some(answered) = asked.join_next().await {
        let answered = answered?.ok().and_then(Result::ok);
        answers.push(answered.unwrap_or((0, LIMIT)));
    }
    Ok(answers)
}

fn percentile_99(answers: &Answers) -> Duration {
    let mut times: Vec<_> = answers.iter().map(|answer| answer.1).collect();
    times.sort();
    times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default()
}

fn n_of(answers: &Answers, status: u16) -> usize {
    answers.iter().filter(|answer| answer.0 == status).count()
}

/// Sends wrong passwords, probes and scrapes with the right password to a port. Returns the answers to each of the three.
async fn attack(port: u16, path: &'static str, lasting: Duration) -> Result<[Answers; 3]> {
    let end = Instant::now() + lasting;
    let (strangers, probes, scrapes) = tokio::join!(
        ask_at(Duration::from_secs(1) / RATE, end, |n| {
            let from = u8::try_from(2 + n % N_HOSTS).unwrap_or(2);
            ask(port, from, path, Some(format!("wrong{n}")))
        }),
        ask_at(Duration::from_millis(20), end, |_| ask(
            port, 1, "/health", None
        )),
        ask_at(Duration::from_millis(500), end, |_| {
            ask(port, 1, path, Some(PASSWORD.to_owned()))
        })
    );
    Ok([strangers?, probes?, scrapes?])
}

#[test]
fn probes_are_answered_soon_under_200_wrong_passwords_a_second() -> Result<()> {
    let _reservation = lab::reserve()?;
    let length = Length::from_env();
    let scratch = TempDir::new("passwords")?;
    let folder = scratch.path().join("web");
    Closing::by(Way::Password)?.write(&folder)?;
    let programs = ClosedPrograms::start(&scratch, &folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for (program, port, path) in programs.doors() {
        // The program compares the right password once, before the attack, and remembers the result.
        let first = runtime.block_on(ask(port, 1, path, Some(PASSWORD.to_owned())))?;
        ensure!(first.0 == 200, "{program}: {first:?}");
        let lasting = Duration::from_secs(length.pick(60, 10));
        let [strangers, probes, scrapes] = runtime.block_on(attack(port, path, lasting))?;
        let p99 = percentile_99(&probes);
        lab::say(format_args!(
            "{program}: {} wrong passwords in {lasting:?}: {} compared, {} turned away; /health p99 {p99:.1?} of {}; \
             scrapes p99 {:.1?} of {}",
            strangers.len(),
            n_of(&strangers, 401),
            n_of(&strangers, 429),
            probes.len(),
            percentile_99(&scrapes),
            scrapes.len()
        ));
        ensure!(
            n_of(&strangers, 200) == 0,
            "{program}: a stranger is let in"
        );
        ensure!(n_of(&probes, 200) == probes.len(), "{program}: {probes:?}");
        ensure!(
            n_of(&scrapes, 200) == scrapes.len(),
            "{program}: {scrapes:?}"
        );
        ensure!(p99 <= length.slack(BOUND), "{program}: {p99:?}");
    }
    Ok(())
}
