//! Tests of logins with tokens of an identity provider, at a Kafka that checks tokens by its own validator.

mod standby;
mod tls;

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::host::TempDir;
use e2e::lab::identity_provider::{
    AUDIENCE, CLIENT_ID, CLIENT_SECRET, IdentityProvider, Mood, Tokens,
};
use e2e::lab::keys::Keys;
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config, Kafka, Length, collector};
use tokio::time::Instant;

use crate::security::{MINUTE, counted, errors, secured_by};

/// The life of a token; the collector gets a new one every 20 seconds, at four fifths.
const LIFE: Duration = Duration::from_secs(25);

const TOKENS: Tokens = Tokens {
    user: "monitor",
    audience: AUDIENCE,
    life: LIFE,
    age: Duration::ZERO,
};

/// Starts an identity provider, and a Kafka that takes its tokens.
fn world() -> Result<(Kafka, IdentityProvider)> {
    let provider = IdentityProvider::start(TOKENS)?;
    Ok((secured_by(&provider.kafka_plan())?, provider))
}

fn config_at(kafka: &Kafka, url: &str) -> Config {
    Config::of(&kafka.bootstrap_sasl())
        .property("security.protocol", "SASL_PLAINTEXT")
        .property("sasl.mechanism", "OAUTHBEARER")
        .property("sasl.oauthbearer.method", "oidc")
        .property("sasl.oauthbearer.token.endpoint.url", url)
        // The metadata is read in every collection, so each needs a connection that works.
        .performance("metadata_cache_ttl", "1s")
}

fn config(kafka: &Kafka, provider: &IdentityProvider) -> Config {
    config_at(kafka, &provider.token_url())
        .property("sasl.oauthbearer.client.id", CLIENT_ID)
        .property("sasl.oauthbearer.client.secret", CLIENT_SECRET)
}

/// Returns the number of collections so far that failed or were partial.
pub(crate) fn n_not_complete(metrics: &Exposition) -> u64 {
    Collector::collections(metrics, "failed") + Collector::collections(metrics, "partial")
}

/// Watches a collector for `time`, in which every collection must be complete; returns its metrics at the end.
fn all_complete(collector: &Collector, time: Duration) -> Result<Exposition> {
    let before = collector.metrics()?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        lab::pause(Duration::from_secs(1));
        let metrics = collector.metrics()?;
        let n_bad = n_not_complete(&metrics) - n_not_complete(&before);
        ensure!(n_bad == 0, "{n_bad} collections:\n{}", collector.log()?);
    }
    let after = collector.metrics()?;
    let n = |metrics| Collector::collections(metrics, "complete");
    ensure!(n(&after) > n(&before), "no collection at all");
    lab::say(format_args!(
        "{} collections, all complete",
        n(&after) - n(&before)
    ));
    Ok(after)
}

/// Waits until two collections in a row were complete.
fn wait_until_well(collector: &Collector) -> Result<()> {
    let mut before = None;
    collector.wait_for("complete collections", MINUTE, |metrics| {
        let n_bad = n_not_complete(metrics);
        let n = Collector::collections(metrics, "complete");
        let (n_then, n_bad_then) = *before.get_or_insert((n, n_bad));
        if n_bad > n_bad_then {
            before = Some((n, n_bad));
        }
        ensure!(n_bad == n_bad_then && n >= n_then + 2, "none so far");
        Ok(())
    })?;
    Ok(())
}

/// Checks that the log has neither the client's secret nor a token. Every token of this provider begins with `eyJ`.
fn says_no_secret(collector: &Collector) -> Result<()> {
    let log = collector.log()?;
    ensure!(
        !log.contains(CLIENT_SECRET) && !log.contains("eyJ"),
        "{log}"
    );
    Ok(())
}

#[test]
fn tokens_are_replaced_in_time_for_as_long_as_the_collector_runs() -> Result<()> {
    let _reservation = lab::reserve()?;
    let (kafka, provider) = world()?;
    let collector = Collector::start(&config(&kafka, &provider))?;
    collector.wait_until_complete(MINUTE)?;
    let length = Length::from_env().pick(5 * MINUTE, MINUTE);
    all_complete(&collector, length)?;
    let requests = provider.requests();
    let gaps: Vec<_> = requests.windows(2).map(|pair| pair[1] - pair[0]).collect();
    lab::say(format_args!("seconds between requests: {gaps:.1?}"));
    ensure!(
        gaps.iter().all(|gap| (19.0..22.0).contains(gap)),
        "{gaps:?}"
    );
    says_no_secret(&collector)
}

#[test]
fn a_provider_that_is_away_costs_no_collection_while_the_token_lives() -> Result<()> {
    let _reservation = lab::reserve()?;
    let (kafka, provider) = world()?;
    // In seconds: the life of a token, the time after which the provider goes away, and for how long. A new token is due at four fifths
    // of the life, and an attempt follows the last one after 15 seconds at the latest, so there is one before the token ends.
    let (life, from, away) = Length::from_env().pick((400, 310, 60), (60, 42, 6));
    provider.set_tokens(|tokens| tokens.life = Duration::from_secs(life));
    let collector = Collector::start(&config(&kafka, &provider))?;
    collector.wait_until_complete(MINUTE)?;
    all_complete(&collector, Duration::from_secs(from))?;
    provider.set_mood(Mood::Away);
    // The provider stays away until the first attempt, at four fifths of the life, has failed.
    let away = away.max(life * 4 / 5 - from + 2);
    all_complete(&collector, Duration::from_secs(away))?;
    let n_asked = provider.requests().len();
    provider.set_tokens(|tokens| tokens.life = LIFE);
    provider.set_mood(Mood::Well);
    // The watch lasts until after the end of the first token, so it sees that there is a second one.
    let metrics = all_complete(&collector, Duration::from_secs(life + 10 - from - away))?;
    let n_failed = errors(&metrics, "token_unreachable");
    ensure!(n_failed > 0, "not counted");
    lab::say(format_args!(
        "away for {away} s, {n_failed} of {n_asked} requests failed"
    ));

    // The provider is away until the token ends, and the broker ends the session with it.
    provider.set_mood(Mood::Away);
    collector.wait_for("token_expired", LIFE + MINUTE, |metrics| {
        ensure!(errors(metrics, "token_expired") > 0, "not counted");
        Ok(())
    })?;
    provider.set_mood(Mood::Well);
    let well = Instant::now();
    wait_until_well(&collector)?;
    lab::say(format_args!(
        "complete again {:.0?} after the return",
        well.elapsed()
    ));
    all_complete(&collector, Duration::from_secs(10))?;
    says_no_secret(&collector)
}

#[test]
fn a_new_signing_key_is_taken_and_the_loss_of_the_old_one_is_survived() -> Result<()> {
    let _reservation = lab::reserve()?;
    let (kafka, provider) = world()?;
    let collector = Collector::start(&config(&kafka, &provider))?;
    collector.wait_until_complete(MINUTE)?;
    provider.add_key()?;
    all_complete(&collector, Duration::from_secs(30))?;
    provider.forget_old_keys();
    all_complete(&collector, Duration::from_secs(30))?;
    // Brokers lose the old key at once, so they refuse the token that the collector has, and it asks for a new one out of turn.
    provider.set_tokens(|tokens| tokens.life = Duration::from_secs(600));
    lab::pause(LIFE);
    provider.add_key()?;
    provider.forget_old_keys();
    let lost = Instant::now();
    collector.wait_for("a refusal", MINUTE, |metrics| {
        ensure!(errors(metrics, "authentication") > 0, "not counted");
        Ok(())
    })?;
    lab::say(format_args!("refused after {:.0?}", lost.elapsed()));
    wait_until_well(&collector)?;
    let metrics = all_complete(&collector, Duration::from_secs(20))?;
    lab::say(format_args!(
        "well {:.0?} after the loss, {} collections not complete",
        lost.elapsed(),
        n_not_complete(&metrics)
    ));
    says_no_secret(&collector)
}

#[test]
fn each_trouble_is_counted_under_its_reason_and_check_connect_says_who_refused_what() -> Result<()>
{
    let _reservation = lab::reserve()?;
    let (kafka, provider) = world()?;
    let good = config(&kafka, &provider);
    let wrong_secret = good
        .clone()
        .property("sasl.oauthbearer.client.secret", "wrong-secret");
    let nowhere = good.clone().property(
        "sasl.oauthbearer.token.endpoint.url",
        "http://127.0.0.1:1/token",
    );
    let troubles = [
        (wrong_secret, "token_refused", "invalid_client"),
        (nowhere, "token_unreachable", "127.0.0.1:1"),
    ];
    for (config, reason, words) in troubles {
        trouble(&config, reason, words)?;
    }
    provider.set_tokens(|tokens| tokens.audience = "another");
    trouble(
        &good,
        "authentication",
        "the broker does not take the token",
    )?;
    provider.set_tokens(|tokens| {
        tokens.audience = AUDIENCE;
        tokens.age = LIFE + LIFE;
    });
    trouble(&good, "clock_skew", "the new token has expired")
}

/// Checks that a running collector counts this reason, and that `--check --connect` fails with these words.
fn trouble(config: &Config, reason: &str, words: &str) -> Result<()> {
    let (collector, _) = counted(config, reason)?;
    says_no_secret(&collector)?;
    let (status, text) = collector::run_to_end(config, &["--check", "--connect"], MINUTE)?;
    lab::say(format_args!("{reason}: {status}\n{text}"));
    ensure!(!status.success(), "{reason}: {status}");
    ensure!(text.contains(words), "{reason}: {words:?} is not said");
    ensure!(
        !text.contains("wrong-secret") && !text.contains("eyJ"),
        "a secret is printed"
    );
    Ok(())
}

#[test]
fn a_token_in_a_file_is_read_again_when_it_is_replaced() -> Result<()> {
    let _reservation = lab::reserve()?;
    let (kafka, provider) = world()?;
    let write = || kafka.scratch().write("token", provider.token()?);
    let url = format!("file://{}", write()?.display());
    let collector = Collector::start(&config_at(&kafka, &url))?;
    collector.wait_until_complete(MINUTE)?;
    for _ in 0..3 {
        all_complete(&collector, Duration::from_secs(15))?;
        write()?;
    }
    ensure!(provider.requests().is_empty(), "the provider was asked");
    let metrics = collector.wait_for("token_expired", MINUTE, |metrics| {
        ensure!(errors(metrics, "token_expired") > 0, "not counted");
        Ok(())
    })?;
    lab::say(format_args!("{} errors", errors(&metrics, "token_expired")));
    write()?;
    wait_until_well(&collector)?;
    write()?;
    all_complete(&collector, Duration::from_secs(10))?;
    says_no_secret(&collector)
}
