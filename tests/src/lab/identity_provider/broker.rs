//! The settings of a broker that takes the tokens of a provider.

use std::fmt::Write as _;

use super::{AUDIENCE, ISSUER, IdentityProvider};
use crate::lab::kafka::Plan;

/// The Java package of Kafka's own login module and validator.
const PACKAGE: &str = "org.apache.kafka.common.security.oauthbearer";

// === impl IdentityProvider ===

impl IdentityProvider {
    /// Returns the plan of a secured Kafka of one broker that checks tokens by Kafka's own validator with the keys of this provider. The
    /// broker closes a connection after ten seconds unless the client logs in again on it.
    pub fn kafka_plan(&self) -> Plan {
        let mut lines = vec![
            // The default validator of version 4.1.0 checks neither signature nor audience on a broker.
            format!("sasl.oauthbearer.jwt.validator.class={PACKAGE}.BrokerJwtValidator"),
            format!("sasl.oauthbearer.jwks.endpoint.url={}", self.keys_url()),
            "sasl.oauthbearer.jwks.endpoint.refresh.ms=2000".to_owned(),
            format!("sasl.oauthbearer.expected.audience={AUDIENCE}"),
            format!("sasl.oauthbearer.expected.issuer={ISSUER}"),
            "sasl.oauthbearer.clock.skew.seconds=1".to_owned(),
        ];
        for listener in ["sasl_plaintext", "sasl_ssl"] {
            let login = format!("listener.name.{listener}.oauthbearer");
            lines.extend([
                format!("{login}.sasl.jaas.config={PACKAGE}.OAuthBearerLoginModule required;"),
                format!(
                    "{login}.sasl.server.callback.handler.class={PACKAGE}.OAuthBearerValidatorCallbackHandler"
                ),
                format!("{login}.connections.max.reauth.ms=10000"),
            ]);
        }
        let mut extra = String::new();
        for line in lines {
            writeln!(extra, "{line}").ok();
        }
        // Since version 4.0 a broker fetches keys only from URLs that this Java property lists.
        let allowed = format!(
            "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}",
            self.keys_url()
        );
        Plan {
            extra,
            jvm: vec![allowed],
            ..Plan::of(1).secured()
        }
    }
}
