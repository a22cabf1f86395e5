//! Tests of failovers of two pods that log in with tokens, at a Kafka that checks tokens by its own validator.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::identity_provider::{AUDIENCE, CLIENT_ID, CLIENT_SECRET, IdentityProvider, Tokens};
use e2e::lab::kafka::{PASSWORD, User};
use e2e::lab::observer::ProbeResult;
use e2e::lab::pod::BOTH;
use e2e::lab::scale::Scale;
use e2e::lab::{self, ControlPlane, Kafka, Length, TwoPods};
use e2e::trials::failover::End;
use e2e::trials::{TrialSetup, within};
use tokio::time::Instant;

/// The life of a token; each standby waits for longer than that before it takes over.
const LIFE: Duration = Duration::from_secs(25);

/// The keys `lease_duration_secs` and `grace_period_secs`, in seconds.
const DURATIONS: (u64, u64) = (6, 2);

/// The longest time by which data may come later with tokens than with a password.
const LATER: Duration = Duration::from_secs(1);

/// The longest wait for data after the old leader's lease has ended.
const LIMIT: Duration = Duration::from_secs(30);

const SCALE: Scale = Scale {
    topics: 2,
    partitions: 3,
    records: 10,
    groups: 3,
    width: 2,
};

/// Returns the table `consumer_properties` of a login at a listener with SASL and without TLS.
fn login(properties: &[(&str, &str)]) -> Vec<(String, String)> {
    let common = [("security.protocol", "SASL_PLAINTEXT")];
    let all = common.iter().chain(properties);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Starts two pods, and ends the leader once in each way, `times` times, each time after the standby has waited for longer than a token
/// lives. Returns the time from each end to the other pod's first data.
fn times_to_data(
    setup: &TrialSetup<'_>,
    name: &str,
    (kafka, login, times): (&Kafka, &[(String, String)], usize),
) -> Result<Vec<(End, Duration)>> {
    let plan = setup.pair_plan(name, DURATIONS);
    let plan = plan.planned(|plan| {
        plan.bootstrap = Some(kafka.bootstrap_sasl());
        plan.properties = login.to_vec();
    });
    let mut pair = TwoPods::start(setup.kube, &plan)?;
    let mut took = Vec::new();
    let ends = [End::Sigterm, End::Killed].into_iter().cycle();
    for (n, end) in ends.take(2 * times).enumerate() {
        let (leader, other) = (n % 2, (n + 1) % 2);
        lab::pause(LIFE + Duration::from_secs(10));
        let ended = Instant::now();
        match end {
            End::Sigterm => drop(pair.pod(leader).terminate()?),
            End::Killed => pair.pod(leader).kill(&BOTH)?,
        }
        let lease = Duration::from_secs(DURATIONS.0);
        let data = lab::wait_for("data", lease + LIMIT, || {
            let probes = pair.observations(other)?.probes;
            let mut later = probes.iter().filter(|probe| probe.sent >= ended);
            let data = later.find(|probe| probe.result == ProbeResult::Series);
            Ok(data.context("none")?.answered)
        });
        took.push((end, data.with_context(|| pair.logs())? - ended));
        pair.pod(leader).start_both()?;
        pair.wait_until_standing_by(leader)?;
    }
    pair.never_two()?;
    let logs = pair.logs();
    ensure!(
        !logs.contains(CLIENT_SECRET) && !logs.contains("eyJ"),
        "{logs}"
    );
    Ok(took)
}

#[test]
fn a_pod_that_takes_over_has_data_as_soon_with_tokens_as_with_a_password() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let provider = IdentityProvider::start(Tokens {
        user: User::Monitor.name(),
        audience: AUDIENCE,
        life: LIFE,
        age: Duration::ZERO,
    })?;
    let kafka = Kafka::start(&provider.kafka_plan())?;
    SCALE.build(&kafka)?;
    let rights = "monitor GROUP * DESCRIBE monitor TOPIC * DESCRIBE monitor TOPIC * READ \
        monitor TOPIC * DESCRIBE_CONFIGS";
    kafka.fixture(
        "allow",
        &rights.split_ascii_whitespace().collect::<Vec<_>>(),
    )?;
    let password = login(&[
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", User::Monitor.name()),
        ("sasl.password", PASSWORD),
    ]);
    let token = login(&[
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.method", "oidc"),
        ("sasl.oauthbearer.token.endpoint.url", &provider.token_url()),
        ("sasl.oauthbearer.client.id", CLIENT_ID),
        ("sasl.oauthbearer.client.secret", CLIENT_SECRET),
    ]);
    let setup = TrialSetup::of(plane.kube());
    let times = Length::from_env().pick(3, 1);
    // Both pairs of pods run at the same time, so that they are measured on the same machine under the same load.
    let (usual, with_tokens) = std::thread::scope(|scope| {
        let usual = scope.spawn(|| times_to_data(&setup, "password", (&kafka, &password, times)));
        let with_tokens = times_to_data(&setup, "token", (&kafka, &token, times));
        (usual.join(), with_tokens)
    });
    let usual = usual.map_err(|_| anyhow::anyhow!("the pair with a password panicked"))??;
    for ((end, usual), (_, took)) in usual.into_iter().zip(with_tokens?) {
        lab::say(format_args!(
            "{end:?}: data after {took:.1?}, with a password after {usual:.1?}"
        ));
        let promised = within(usual, LATER);
        ensure!(took <= promised, "{end:?}: {took:?}, promised {promised:?}");
    }
    Ok(())
}
