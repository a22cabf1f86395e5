//! Tests of `--check --connect` with a cluster of which some brokers cannot be reached.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::identity_provider::{AUDIENCE, CLIENT_ID, CLIENT_SECRET, IdentityProvider, Tokens};
use e2e::lab::{Config, collector};
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};

const MINUTE: Duration = Duration::from_secs(60);

/// Runs the check for a cluster of three brokers, of which the given ones are stopped; returns the output.
async fn check(stopped: &[i32]) -> Result<String> {
    let mut kafka = StandIn::builder()
        .nodes(3)
        .topic("t", 3, |_| PartitionSpec::ending_at(10));
    for group in 0..6 {
        let spec = GroupSpec::classic()
            .committed("t", 0, 5)
            .coordinated_by(1 + group % 3);
        kafka = kafka.group(&format!("g-{group}"), spec);
    }
    let kafka = kafka.start().await;
    let bootstrap = kafka.bootstrap();
    let first = bootstrap.split(',').next().unwrap_or_default();
    let config = Config::of(first);
    for &node in stopped {
        kafka.stop_node(node).await;
    }
    let (status, text) = collector::run_to_end(&config, &["--check", "--connect"], MINUTE)?;
    let wanted = if stopped.is_empty() { 0 } else { 69 };
    ensure!(status.code() == Some(wanted), "{status}\n{text}");
    kafka.shutdown().await;
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unreachable_broker_has_is_unknown_and_its_address_is_kafkas_to_mend() -> Result<()>
{
    let whole = check(&[]).await?;
    ensure!(whole.contains("  groups: 6\n"), "{whole}");
    let text = check(&[3]).await?;
    for words in [
        "  partitions: 3\n",
        "  groups: at least 4\n",
        "  committed offsets: at least 4\n",
        "  lacking: list_groups failed (timeout): broker 3\n",
        "  likely cause: nothing listens there, or a firewall refuses; Kafka tells clients this address of broker 3: see \
         advertised.listeners there",
    ] {
        ensure!(text.contains(words), "{words}\n{text}");
    }
    let text = check(&[2, 3]).await?;
    ensure!(text.contains("  groups: at least 2\n"), "{text}");
    Ok(())
}

/// Returns the output of a check with these properties of a login with tokens, for a broker at whose address nobody listens.
fn check_login(properties: [(&str, &str); 3]) -> Result<String> {
    let mut config = Config::of("127.0.0.1:1")
        .property("security.protocol", "SASL_PLAINTEXT")
        .property("sasl.mechanism", "OAUTHBEARER")
        .property("sasl.oauthbearer.method", "oidc");
    for (name, value) in properties {
        config = config.property(&format!("sasl.oauthbearer.{name}"), value);
    }
    let (status, text) = collector::run_to_end(&config, &["--check", "--connect"], MINUTE)?;
    ensure!(status.code() == Some(69), "{status}\n{text}");
    ensure!(!text.contains("hunter2"), "{text}");
    Ok(text)
}

#[test]
fn a_login_that_the_identity_provider_refuses_is_told_apart_from_one_that_it_does_not_answer()
-> Result<()> {
    let provider = IdentityProvider::start(Tokens {
        user: "monitor",
        audience: AUDIENCE,
        life: MINUTE,
        age: Duration::ZERO,
    })?;
    let url = provider.token_url();
    let (id, secret) = ("client.id", "client.secret");
    let place = "token.endpoint.url";
    for (properties, words) in [
        (
            [(id, CLIENT_ID), (secret, "hunter2"), (place, &*url)],
            [
                "metadata failed (token_refused)",
                "likely cause: the identity provider refuses the client",
                "answered status 401: invalid_client: wrong id or secret",
            ],
        ),
        (
            [
                (id, CLIENT_ID),
                (secret, "hunter2"),
                (place, "http://127.0.0.1:1/token?hunter2"),
            ],
            [
                "metadata failed (token_unreachable)",
                "likely cause: the identity provider does not answer",
                "the login says: token endpoint 127.0.0.1:1: ",
            ],
        ),
        (
            [(id, CLIENT_ID), (secret, CLIENT_SECRET), (place, &*url)],
            [
                "metadata failed (transport)",
                "likely cause: nothing listens there",
                "librdkafka says: ",
            ],
        ),
    ] {
        let text = check_login(properties)?;
        for words in words {
            ensure!(text.contains(words), "{words}\n{text}");
        }
    }
    Ok(())
}
