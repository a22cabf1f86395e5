//! Tests of TLS with the identity provider. They need no Kafka: a check that gets its token fails later, at a broker that is not
//! there.

use super::*;

/// Returns the output of a check that trusts the authorities in this file.
fn check(url: &str, authorities: &str) -> Result<String> {
    let config = Config::of("127.0.0.1:1")
        .property("security.protocol", "SASL_PLAINTEXT")
        .property("sasl.mechanism", "OAUTHBEARER")
        .property("sasl.oauthbearer.method", "oidc")
        .property("sasl.oauthbearer.token.endpoint.url", url)
        .property("sasl.oauthbearer.client.id", CLIENT_ID)
        .property("sasl.oauthbearer.client.secret", CLIENT_SECRET)
        .property("https.ca.location", authorities);
    let (status, text) = collector::run_to_end(&config, &["--check", "--connect"], MINUTE)?;
    ensure!(!status.success(), "{status}");
    Ok(text)
}

#[test]
fn a_provider_is_trusted_by_its_authority_and_by_no_other() -> Result<()> {
    let scratch = TempDir::new("provider")?;
    let keys = Keys::make(&scratch)?;
    let provider = IdentityProvider::start_with_tls(TOKENS, &keys)?;
    let url = provider.token_url();
    let path = |path: std::path::PathBuf| path.display().to_string();
    let text = check(&url, &path(keys.ca()))?;
    ensure!(text.contains("metadata failed (transport)"), "{text}");
    ensure!(provider.requests().len() == 1, "{:?}", provider.requests());
    for authorities in [path(keys.other_ca()), "probe".to_owned()] {
        let text = check(&url, &authorities)?;
        ensure!(
            text.contains("metadata failed (token_unreachable)"),
            "{text}"
        );
        ensure!(text.contains("\"https.ca.location\""), "{text}");
    }
    let by_another_name = url.replace("127.0.0.1", "127.0.0.2");
    let text = check(&by_another_name, &path(keys.ca()))?;
    ensure!(text.contains("(token_unreachable)"), "{text}");
    ensure!(provider.requests().len() == 1, "{:?}", provider.requests());
    let text = check(&url, "/nowhere/ca.pem")?;
    ensure!(
        text.contains("\"https.ca.location\": cannot read /nowhere/ca.pem"),
        "{text}"
    );
    Ok(())
}
