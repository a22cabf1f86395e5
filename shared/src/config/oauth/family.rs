//! The names of the properties that belong to OAUTHBEARER with tokens of an identity provider.

use std::collections::BTreeMap;

use super::PropertyProblem;
use crate::config::secret::Secret;

pub(super) const METHOD: &str = "sasl.oauthbearer.method";
pub(super) const CLIENT_ID: &str = "sasl.oauthbearer.client.id";
pub(super) const CLIENT_SECRET: &str = "sasl.oauthbearer.client.secret";
pub(super) const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";
pub(super) const SCOPE: &str = "sasl.oauthbearer.scope";
pub(super) const EXTENSIONS: &str = "sasl.oauthbearer.extensions";
pub(super) const AUTHORITIES_LOCATION: &str = "https.ca.location";
pub(super) const AUTHORITIES_PEM: &str = "https.ca.pem";
const GRANT_TYPE: &str = "sasl.oauthbearer.grant.type";

/// librdkafka's two names of the property with the mechanism. Where both are there, the first one counts.
pub(super) const MECHANISM_NAMES: [&str; 2] = ["sasl.mechanisms", "sasl.mechanism"];

/// The property with the settings of the unsecured tokens that librdkafka itself makes; it is not a member of the family.
const UNSECURED: &str = "sasl.oauthbearer.config";

/// The properties for which librdkafka has two names: the other name, and the one that is used here.
const ALIASES: &[(&str, &str)] = &[
    ("sasl.oauthbearer.client.credentials.client.id", CLIENT_ID),
    (
        "sasl.oauthbearer.client.credentials.client.secret",
        CLIENT_SECRET,
    ),
];

/// The properties that are understood besides [`METHOD`], with the sources of tokens that each has an effect on.
const UNDERSTOOD: &[(&str, UsedFor)] = &[
    (CLIENT_ID, UsedFor::Endpoint),
    (CLIENT_SECRET, UsedFor::Endpoint),
    (SCOPE, UsedFor::Endpoint),
    (GRANT_TYPE, UsedFor::Endpoint),
    (AUTHORITIES_LOCATION, UsedFor::Endpoint),
    (AUTHORITIES_PEM, UsedFor::Endpoint),
    (ENDPOINT, UsedFor::EachSource),
    (EXTENSIONS, UsedFor::EachSource),
];

/// The sources of tokens that a property is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UsedFor {
    EachSource,
    Endpoint,
}

/// The properties of a cluster that belong to this family, by the names that are used here. Empty ones are left out.
pub(super) struct OauthFamily<'p> {
    values: BTreeMap<&'p str, &'p str>,
}

/// Returns true where the property `name` belongs to the family, also if it is not understood.
pub(super) fn is_member(name: &str) -> bool {
    (name.starts_with("sasl.oauthbearer.") && name != UNSECURED) || name.starts_with("https.")
}

/// Checks the properties outside of the family that a login with tokens depends on: mechanism, protocol, and no unsecured tokens.
///
/// # Errors
/// One of them contradicts the login.
pub(super) fn check_company(properties: &BTreeMap<String, Secret>) -> Result<(), PropertyProblem> {
    let (name, mechanism) = mechanism(properties);
    if mechanism != Some("OAUTHBEARER") {
        let remedy = "is not \"OAUTHBEARER\", as \"sasl.oauthbearer.method\" = \"oidc\" demands; write it, or remove the properties of OAUTHBEARER";
        return Err(PropertyProblem::new(name, remedy));
    }
    let protocol = properties
        .get("security.protocol")
        .map_or("", Secret::expose);
    if !protocol.to_ascii_lowercase().starts_with("sasl_") {
        let remedy = "has no login, so no token is ever sent; write \"SASL_SSL\", or \"SASL_PLAINTEXT\" without TLS";
        return Err(PropertyProblem::new("security.protocol", remedy));
    }
    match unsecured(properties) {
        None => Ok(()),
        Some(name) => {
            let remedy =
                "is for unsecured tokens; remove it, or \"sasl.oauthbearer.method\" = \"oidc\"";
            Err(PropertyProblem::new(name, remedy))
        }
    }
}

/// Returns the mechanism of the login with the name of the property that has it; no mechanism where there is none.
pub(super) fn mechanism(properties: &BTreeMap<String, Secret>) -> (&'static str, Option<&str>) {
    let value = |name| Some((name, Some(properties.get(name)?.expose())));
    let mut found = MECHANISM_NAMES.into_iter().filter_map(value);
    found.next().unwrap_or(("sasl.mechanism", None))
}

/// Returns the first property that is there and asks librdkafka for unsecured tokens.
pub(super) fn unsecured(properties: &BTreeMap<String, Secret>) -> Option<&'static str> {
    let is_set = |name: &str| {
        let value = properties.get(name).map(Secret::expose);
        value.is_some_and(|value| !value.is_empty() && value != "false")
    };
    let names = [UNSECURED, "enable.sasl.oauthbearer.unsecure.jwt"];
    names.into_iter().find(|name| is_set(name))
}

// === impl OauthFamily ===

impl<'p> OauthFamily<'p> {
    /// Takes the members of the family out of `properties`.
    ///
    /// # Errors
    /// A member is not understood, or is given under two names.
    pub(super) fn of(properties: &'p BTreeMap<String, Secret>) -> Result<Self, PropertyProblem> {
        let mut values = BTreeMap::new();
        let members = properties.iter().filter(|(name, _)| is_member(name));
        for (name, value) in members {
            let first = ALIASES.iter().find(|(alias, _)| alias == name);
            let first = first.map_or(name.as_str(), |(_, first)| first);
            let known = UNDERSTOOD.iter().map(|(known, _)| *known);
            if first != METHOD && !known.into_iter().any(|known| known == first) {
                let remedy = "is not supported here; remove it (see \"Access to Kafka\" in collector/README.md)";
                return Err(PropertyProblem::new(name, remedy));
            }
            if first == GRANT_TYPE && value.expose() != "client_credentials" {
                let remedy = "is not supported with this value; write \"client_credentials\", or the URL of a file with the token as \
                              \"sasl.oauthbearer.token.endpoint.url\"";
                return Err(PropertyProblem::new(name, remedy));
            }
            let value = value.expose().trim();
            if !value.is_empty() && values.insert(first, value).is_some() {
                return Err(PropertyProblem::new(
                    name,
                    "stands there under two names; remove one",
                ));
            }
        }
        Ok(Self { values })
    }

    /// Returns the value of a property; `None` where it is missing or empty.
    pub(super) fn value(&self, name: &str) -> Option<&'p str> {
        self.values.get(name).copied()
    }

    /// Returns the value of a property that must be there.
    ///
    /// # Errors
    /// The property is missing or empty.
    pub(super) fn required(&self, name: &str) -> Result<&'p str, PropertyProblem> {
        self.value(name).ok_or_else(|| {
            let remedy = "is missing or empty, and \"sasl.oauthbearer.method\" = \"oidc\" needs it";
            PropertyProblem::new(name, remedy)
        })
    }

    /// Returns the first property, by name, that is none of `names`.
    pub(super) fn first_beside(&self, names: &[&str]) -> Option<&'p str> {
        let mut all = self.values.keys().copied();
        all.find(|name| !names.contains(name))
    }

    /// Returns the first property that is there and has an effect only on requests to an endpoint.
    pub(super) fn first_for_endpoint_alone(&self) -> Option<&'static str> {
        let for_endpoint = UNDERSTOOD
            .iter()
            .filter(|(_, used_for)| *used_for == UsedFor::Endpoint);
        let mut names = for_endpoint.map(|(name, _)| *name);
        names.find(|name| self.values.contains_key(name))
    }
}
