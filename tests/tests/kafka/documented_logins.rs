//! Tests of the logins that the collector's manual has as examples.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::documents::{self, Document};
use e2e::lab::host::TempDir;
use e2e::lab::identity_provider::{AUDIENCE, CLIENT_SECRET, IdentityProvider, Tokens};
use e2e::lab::kafka::{PASSWORD, User};
use e2e::lab::keys::{Keys, STORE_PASSWORD};
use e2e::lab::{self, Config, Kafka, collector};

use crate::security::{MINUTE, secured_by};

/// The heading of the examples for services, which are checked but not tried: the lab has none of these services.
const SERVICES: &str = "Services and operators";

/// The names and values of an example's `consumer_properties`.
type ExampleProperties = Vec<(String, String)>;

/// A Kafka, an identity provider with TLS whose tokens it takes, and the provider's certificates.
struct World {
    kafka: Kafka,
    provider: IdentityProvider,
    provider_keys: Keys,
}

/// Returns the examples below this heading of the collector's manual.
fn examples(title: &str) -> Result<Vec<ExampleProperties>> {
    let text = Document::Collector.chapter(title)?;
    let blocks = documents::blocks(&text)?.into_iter();
    let examples = blocks.filter(|block| block.text.starts_with("[clusters.consumer_properties]"));
    let properties = |line: &str| {
        let (name, value) = line.split_once(" = ").with_context(|| line.to_owned())?;
        let plain = |quoted: &str| quoted.trim_matches('"').to_owned();
        Ok((plain(name), plain(value)))
    };
    examples
        .map(|block| block.text.lines().skip(1).map(properties).collect())
        .collect()
}

/// Returns a configuration by the example, with the files, addresses and secrets of the lab in place of those of the manual.
fn filled_in(example: &ExampleProperties, world: &World) -> Result<Config> {
    let World {
        kafka,
        provider,
        provider_keys,
    } = world;
    let keys = kafka.keys()?;
    let get = |name: &str| {
        let mut properties = example.iter();
        properties
            .find(|(known, _)| known == name)
            .map(|(_, value)| &**value)
    };
    let bootstrap = match get("security.protocol") {
        Some("SASL_SSL") => kafka.bootstrap_sasl_tls(),
        Some("SSL") => kafka.bootstrap_tls(),
        _ => kafka.bootstrap_sasl(),
    };
    let mut config = Config::of(&bootstrap);
    for (name, value) in example {
        let value = match (&**name, &**value) {
            ("ssl.certificate.location", _) => {
                keys.certificate(User::Monitor).display().to_string()
            }
            ("ssl.keystore.location", _) => keys.store(User::Monitor).display().to_string(),
            ("ssl.key.location", _) => keys.key(User::Monitor).display().to_string(),
            ("https.ca.location", _) => provider_keys.ca().display().to_string(),
            (name, _) if name.ends_with(".location") => keys.ca().display().to_string(),
            ("sasl.oauthbearer.token.endpoint.url", url) if url.starts_with("file:") => {
                let file = kafka.scratch().write("token", provider.token()?)?;
                format!("file://{}", file.display())
            }
            ("sasl.oauthbearer.token.endpoint.url", _) => provider.token_url(),
            (_, "${KAFKA_USER}") => User::Monitor.name().to_owned(),
            (_, "${KAFKA_PASSWORD}") => PASSWORD.to_owned(),
            (_, "${OAUTH_CLIENT_SECRET}") => CLIENT_SECRET.to_owned(),
            (_, "${KAFKA_KEYSTORE_PASSWORD}") => STORE_PASSWORD.to_owned(),
            (_, "${KAFKA_KEY_PASSWORD}") => "the lab's keys have none".to_owned(),
            (_, value) => value.to_owned(),
        };
        ensure!(!value.contains("${"), "{name}: {value} is not filled in");
        config = config.property(name, &value);
    }
    Ok(config)
}

/// Runs the collector with these options on an example's configuration, which must succeed without printing a secret.
fn check(example: &ExampleProperties, config: &Config, options: &[&str]) -> Result<()> {
    let (status, text) = collector::run_to_end(config, options, MINUTE)?;
    ensure!(status.success(), "{example:?}: {status}\n{text}");
    for secret in [PASSWORD, CLIENT_SECRET, STORE_PASSWORD, "eyJ"] {
        ensure!(!text.contains(secret), "{example:?}: {secret} is printed");
    }
    Ok(())
}

/// Returns true where the collector under test is built without the Cargo feature that the configuration needs, and says so.
/// `tests/run` builds it with all features that the images have.
fn is_left_out(config: &Config) -> Result<bool> {
    let (status, text) = collector::run_to_end(config, &["--check"], MINUTE)?;
    Ok(
        !status.success()
            && text.contains("needs a collector that is built with the Cargo feature"),
    )
}

#[test]
fn every_login_of_the_manual_passes_the_check_and_those_that_are_said_to_be_tried_work()
-> Result<()> {
    let _reservation = lab::reserve()?;
    let scratch = TempDir::new("provider")?;
    let provider_keys = Keys::make(&scratch)?;
    let provider = IdentityProvider::start_with_tls(
        Tokens {
            user: User::Monitor.name(),
            audience: AUDIENCE,
            life: Duration::from_secs(60),
            age: Duration::ZERO,
        },
        &provider_keys,
    )?;
    let world = World {
        kafka: secured_by(&provider.kafka_plan())?,
        provider,
        provider_keys,
    };
    let services = examples(SERVICES)?;
    let mut n_tried = 0;
    for example in examples("Access to Kafka")? {
        let config = filled_in(&example, &world)?;
        if is_left_out(&config)? {
            lab::say("this build has no login at Amazon MSK with IAM");
            continue;
        }
        check(&example, &config, &["--check"])?;
        // The broker of this test takes signed tokens only; `security` tries the unsecured one.
        let is_unsecured = example.iter().any(|(name, _)| name.contains("unsecure"));
        if !services.contains(&example) && !is_unsecured {
            check(&example, &config, &["--check", "--connect"])?;
            n_tried += 1;
        }
    }
    lab::say(format_args!(
        "{n_tried} examples tried, {} of services checked",
        services.len()
    ));
    ensure!(n_tried == 6, "{n_tried} examples were tried");
    Ok(())
}
