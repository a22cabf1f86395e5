//! The login at Amazon MSK with IAM, which other clients of Kafka know as the mechanism `AWS_MSK_IAM`.
//!
//! librdkafka has no such mechanism. Brokers of MSK take the same login as OAUTHBEARER with a token that the client signs itself with
//! AWS credentials, so that is what librdkafka is told.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::family::{self, AUTHORITIES_LOCATION, AUTHORITIES_PEM, OauthFamily};
use super::{Authorities, PropertyProblem, Surroundings, authorities};
use crate::config::secret::Secret;

/// The name of the mechanism.
pub(super) const MECHANISM: &str = "AWS_MSK_IAM";

/// The mechanism that librdkafka is given in its place.
pub(super) const MECHANISM_OF_LIBRDKAFKA: &str = "OAUTHBEARER";

const REGION: &str = "aws.region";
const PROFILE: &str = "aws.profile";
const ROLE_ARN: &str = "aws.role.arn";
const ROLE_SESSION_NAME: &str = "aws.role.session.name";
const ROLE_EXTERNAL_ID: &str = "aws.role.external.id";

/// All properties of this login beside those of TLS.
const UNDERSTOOD: &[&str] = &[
    REGION,
    PROFILE,
    ROLE_ARN,
    ROLE_SESSION_NAME,
    ROLE_EXTERNAL_ID,
];

/// The variables with a region, in the order in which AWS' own programs look at them.
const REGION_VARIABLES: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The session name in AWS' logs where none is configured.
const DEFAULT_SESSION_NAME: &str = "klag-exporter";

/// Properties of Kafka's Java client that stand beside this mechanism in examples for it.
const OF_JAVA: &[&str] = &[
    "sasl.client.callback.handler.class",
    "sasl.jaas.config",
    "sasl.login.callback.handler.class",
];

/// The login at Amazon MSK with AWS credentials, by which each token is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MskIam {
    /// The AWS region of the Kafka cluster, such as `eu-west-1`.
    pub region: String,
    /// The profile in AWS' files whose credentials are used; `None` for the credentials of AWS' default chain.
    pub profile: Option<String>,
    /// The role that is assumed with those credentials; `None` where they are used themselves.
    pub role: Option<AwsRole>,
    /// The authorities whose certificates AWS' services may show.
    pub authorities: Authorities,
}

/// A role of AWS IAM that is assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRole {
    /// The ARN of the role.
    pub arn: String,
    /// The name of the session in AWS' logs.
    pub session_name: String,
    /// The external id that the role demands; `None` where it demands none.
    pub external_id: Option<Secret>,
}

/// Returns true for a property of this login that librdkafka does not know.
pub(super) fn is_member(name: &str) -> bool {
    name.starts_with("aws.")
}

/// Returns the first property, by name, that has an effect with this mechanism only.
pub(super) fn first_member(properties: &BTreeMap<String, Secret>) -> Option<&str> {
    let mut names = properties.keys().map(String::as_str);
    names.find(|name| is_member(name))
}

// === impl MskIam ===

impl MskIam {
    /// Reads the login of a cluster whose mechanism is [`MECHANISM`].
    ///
    /// # Errors
    /// A property is missing or wrong; the first one is returned.
    pub(super) fn of(
        properties: &BTreeMap<String, Secret>,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, PropertyProblem> {
        check_company(properties)?;
        let family = OauthFamily::of(properties)?;
        if let Some(name) = family.first_beside(&[AUTHORITIES_LOCATION, AUTHORITIES_PEM]) {
            let remedy = "has no effect together with \"sasl.mechanism\" = \"AWS_MSK_IAM\"; remove one of the two";
            return Err(PropertyProblem::new(name, remedy));
        }
        let value = |name: &str| {
            let text = properties.get(name)?.expose().trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let role = match value(ROLE_ARN) {
            Some(arn) => Some(AwsRole::of(arn, &value)?),
            None => match [ROLE_SESSION_NAME, ROLE_EXTERNAL_ID].map(|name| (name, value(name))) {
                [(name, Some(_)), _] | [_, (name, Some(_))] => {
                    let remedy = "has an effect together with \"aws.role.arn\" only; write that too, or remove this";
                    return Err(PropertyProblem::new(name, remedy));
                }
                _ => None,
            },
        };
        Ok(Self {
            region: region(value(REGION), surroundings)?,
            profile: value(PROFILE),
            role,
            authorities: authorities(&family)?,
        })
    }
}

// === impl AwsRole ===

impl AwsRole {
    fn of(arn: String, value: &dyn Fn(&str) -> Option<String>) -> Result<Self, PropertyProblem> {
        // arn:PARTITION:iam::ACCOUNT:role/NAME
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        if parts.len() < 6 || parts[0] != "arn" || !parts[5].starts_with("role/") {
            let remedy = "is no ARN of a role; write one such as \"arn:aws:iam::123456789012:role/klag-exporter\"";
            return Err(PropertyProblem::new(ROLE_ARN, remedy));
        }
        Ok(Self {
            arn,
            session_name: value(ROLE_SESSION_NAME)
                .unwrap_or_else(|| DEFAULT_SESSION_NAME.to_owned()),
            external_id: value(ROLE_EXTERNAL_ID).map(Secret::new),
        })
    }
}

/// Checks the properties outside of this login that it depends on or that contradict it.
fn check_company(properties: &BTreeMap<String, Secret>) -> Result<(), PropertyProblem> {
    let protocol = properties
        .get("security.protocol")
        .map_or("", Secret::expose);
    if !protocol.eq_ignore_ascii_case("SASL_SSL") {
        let remedy =
            "is not \"SASL_SSL\", and Amazon MSK takes logins with IAM over TLS only; write it";
        return Err(PropertyProblem::new("security.protocol", remedy));
    }
    if let Some(name) = family::unsecured(properties) {
        let remedy = "is for unsecured tokens; remove it, or \"sasl.mechanism\" = \"AWS_MSK_IAM\"";
        return Err(PropertyProblem::new(name, remedy));
    }
    if let Some(name) = OF_JAVA.iter().find(|name| properties.contains_key(**name)) {
        let remedy = "is for Kafka's Java client; remove it, and write awsProfileName, awsRoleArn, awsRoleSessionName and \
                      awsRoleExternalId as \"aws.profile\", \"aws.role.arn\", \"aws.role.session.name\" and \
                      \"aws.role.external.id\"";
        return Err(PropertyProblem::new(name, remedy));
    }
    let mut members = properties.keys().filter(|name| is_member(name));
    match members.find(|name| !UNDERSTOOD.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let remedy = format!("is not known here; known are {}", UNDERSTOOD.join(", "));
            Err(PropertyProblem::new(name, &remedy))
        }
    }
}

/// Returns the region of the cluster: the property's, or that in the names of the brokers, or that of the environment.
fn region(
    configured: Option<String>,
    surroundings: &Surroundings<'_>,
) -> Result<String, PropertyProblem> {
    if let Some(region) = configured {
        return checked(
            region,
            "is no region; write the cluster's, such as \"eu-west-1\"",
        );
    }
    let mut regions = surroundings
        .servers
        .split(',')
        .filter_map(region_of_broker)
        .map(str::to_ascii_lowercase);
    if let Some(region) = regions.next() {
        if regions.any(|other| other != region) {
            let remedy = "is missing, and the brokers in bootstrap_servers are in two regions; write those of one cluster";
            return Err(PropertyProblem::new(REGION, remedy));
        }
        return checked(region, "is missing, and the brokers' names have none");
    }
    for name in REGION_VARIABLES {
        let value =
            (surroundings.variable)(name).map_err(|why| PropertyProblem::new(REGION, &why))?;
        if let Some(region) = value.filter(|value| !value.is_empty()) {
            let remedy = format!(
                "is missing, and the variable {name} has no region; write the cluster's, such as \"eu-west-1\""
            );
            return checked(region, &remedy);
        }
    }
    let remedy = "is missing, and neither the brokers' names nor AWS_REGION have a region; write the cluster's, such as \
                  \"eu-west-1\"";
    Err(PropertyProblem::new(REGION, remedy))
}

/// Accepts a region whose characters may stand in a host name.
fn checked(region: String, remedy: &str) -> Result<String, PropertyProblem> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.len() <= 63 && region.bytes().all(is_plain) && !region.starts_with('-') {
        Ok(region)
    } else {
        Err(PropertyProblem::new(REGION, remedy))
    }
}

/// Returns the region in the name of a broker of Amazon MSK, such as `b-1.lag.abcdef.c2.kafka.eu-west-1.amazonaws.com`; `None` for other
/// brokers.
fn region_of_broker(server: &str) -> Option<&str> {
    let address = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = address.split(':').next().unwrap_or_default();
    let host = strip_suffix(host, ".cn").unwrap_or(host);
    let (front, region) = strip_suffix(host, ".amazonaws.com")?.rsplit_once('.')?;
    let service = front.rsplit('.').next().unwrap_or_default();
    let services = ["kafka", "kafka-serverless"];
    let is_msk = services.iter().any(|it| it.eq_ignore_ascii_case(service));
    is_msk.then_some(region)
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (front, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(front)
}
