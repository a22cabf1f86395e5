//! The login of a cluster with tokens that the collector gets itself, read from the properties of the cluster.
//!
//! Tokens are those of an identity provider, or stand in a file, or are signed for Amazon MSK (`msk_iam`). The names of the properties
//! of OAUTHBEARER are librdkafka's, so that what works with another client of librdkafka can be copied.
//! librdkafka has them only in a build with libcurl, which this program does not need: the collector gets the tokens itself, and
//! librdkafka is not told of these properties.

mod family;
mod msk_iam;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::brokers::is_broker;
use super::secret::Secret;

use self::family::{
    AUTHORITIES_LOCATION, AUTHORITIES_PEM, CLIENT_ID, CLIENT_SECRET, ENDPOINT, EXTENSIONS, METHOD,
    OauthFamily, SCOPE,
};

pub use self::msk_iam::{AwsRole, MskIam};

/// The login of a cluster with tokens that the collector gets itself and hands to librdkafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthLogin {
    /// The place that tokens come from.
    pub source: TokenSource,
    /// The SASL extensions, names and values, that librdkafka sends to a broker together with the token.
    pub extensions: Vec<(String, String)>,
}

/// The place that tokens come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The token endpoint of an identity provider, which the collector asks for each token.
    Endpoint(TokenEndpoint),
    /// The path of a file with a token, which another program renews.
    File(PathBuf),
    /// AWS credentials, by which the collector signs each token itself.
    MskIam(MskIam),
}

/// The token endpoint of an identity provider, and the client that asks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// The URL of the endpoint: `http` or `https`, without user and fragment. Its query may have secrets.
    pub url: Secret,
    /// The id under which the provider knows the collector.
    pub client_id: String,
    /// The secret of that client id.
    pub client_secret: Secret,
    /// The scope that is asked for; `None` leaves the choice to the provider.
    pub scope: Option<String>,
    /// The authorities whose certificates the endpoint may show.
    pub authorities: Authorities,
}

/// The authorities that may sign a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// The authorities of the operating system or the image.
    System,
    /// The authorities in a PEM file, or in the files of a directory.
    Location(PathBuf),
    /// The authorities in a PEM text.
    Pem(String),
}

/// A property of the login that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PropertyProblem {
    /// The name of the property.
    pub(super) name: String,
    /// The mistake, and what to write instead. The message never has the property's value.
    pub(super) message: String,
}

/// The facts outside of a cluster's properties that its login depends on.
pub(super) struct Surroundings<'a> {
    /// The brokers to begin with, separated by commas.
    pub(super) servers: &'a str,
    /// Returns the value of an environment variable, or the message for the user where the value is no text.
    pub(super) variable: &'a dyn Fn(&str) -> Result<Option<String>, String>,
}

/// Returns true for a property that is kept from librdkafka, which knows it only in a build with libcurl or not at all.
pub(super) fn is_taken_out(name: &str) -> bool {
    family::is_member(name) || msk_iam::is_member(name)
}

/// Returns the value of a property as librdkafka is given it: of the mechanisms, one that librdkafka has.
pub(super) fn as_given<'v>(name: &str, value: &'v str) -> &'v str {
    if family::MECHANISM_NAMES.contains(&name) && value == msk_iam::MECHANISM {
        msk_iam::MECHANISM_OF_LIBRDKAFKA
    } else {
        value
    }
}

// === impl OauthLogin ===

impl OauthLogin {
    /// Reads the login of a cluster with these properties; `None` where they ask for no tokens that the collector gets itself.
    ///
    /// # Errors
    /// A property is missing or wrong; the first one is returned.
    pub(super) fn of(
        properties: &BTreeMap<String, Secret>,
        surroundings: &Surroundings<'_>,
    ) -> Result<Option<Self>, PropertyProblem> {
        if family::mechanism(properties).1 == Some(msk_iam::MECHANISM) {
            let login = MskIam::of(properties, surroundings)?;
            return Ok(Some(Self {
                source: TokenSource::MskIam(login),
                extensions: Vec::new(),
            }));
        }
        if let Some(name) = msk_iam::first_member(properties) {
            let remedy = "has an effect together with \"sasl.mechanism\" = \"AWS_MSK_IAM\" only; write that too, or remove this";
            return Err(PropertyProblem::new(name, remedy));
        }
        let family = OauthFamily::of(properties)?;
        match family.value(METHOD) {
            None | Some("default") => {
                let Some(name) = family.first_beside(&[METHOD]) else {
                    return Ok(None);
                };
                let remedy = "has an effect together with \"sasl.oauthbearer.method\" = \"oidc\" only; write that too, or remove this";
                return Err(PropertyProblem::new(name, remedy));
            }
            Some("oidc") => {}
            Some(_) => {
                return Err(PropertyProblem::new(
                    METHOD,
                    "write \"oidc\" or \"default\"",
                ));
            }
        }
        family::check_company(properties)?;
        let url = family.required(ENDPOINT)?;
        let source = match file_path(url)? {
            Some(path) => {
                if let Some(name) = family.first_for_endpoint_alone() {
                    let remedy =
                        "has no effect, as the token is read from a file; remove this property";
                    return Err(PropertyProblem::new(name, remedy));
                }
                TokenSource::File(path)
            }
            None => TokenSource::Endpoint(TokenEndpoint::of(&family, url)?),
        };
        let extensions = family
            .value(EXTENSIONS)
            .map_or(Ok(Vec::new()), extensions)?;
        Ok(Some(Self { source, extensions }))
    }
}

// === impl TokenEndpoint ===

impl TokenEndpoint {
    fn of(family: &OauthFamily<'_>, url: &str) -> Result<Self, PropertyProblem> {
        check_url(url).map_err(|why| PropertyProblem::new(ENDPOINT, why))?;
        let client_id = family.required(CLIENT_ID)?;
        // The header `Authorization` carries id and secret with a colon between them, so the id cannot have one.
        if client_id.contains(':') {
            return Err(PropertyProblem::new(
                CLIENT_ID,
                "has a colon; write the id without",
            ));
        }
        Ok(Self {
            url: Secret::new(url.to_owned()),
            client_id: client_id.to_owned(),
            client_secret: Secret::new(family.required(CLIENT_SECRET)?.to_owned()),
            scope: family.value(SCOPE).map(str::to_owned),
            authorities: authorities(family)?,
        })
    }
}

// === impl PropertyProblem ===

impl PropertyProblem {
    fn new(name: &str, message: &str) -> Self {
        Self {
            name: name.to_owned(),
            message: message.to_owned(),
        }
    }
}

fn authorities(family: &OauthFamily<'_>) -> Result<Authorities, PropertyProblem> {
    match (
        family.value(AUTHORITIES_LOCATION),
        family.value(AUTHORITIES_PEM),
    ) {
        (Some(_), Some(_)) => Err(PropertyProblem::new(
            AUTHORITIES_PEM,
            "stands beside \"https.ca.location\"; remove one of the two",
        )),
        (None | Some("probe"), None) => Ok(Authorities::System),
        (Some(path), None) => Ok(Authorities::Location(PathBuf::from(path))),
        (None, Some(pem)) => Ok(Authorities::Pem(pem.to_owned())),
    }
}

/// Returns the path in a `file:` URL; `None` for other URLs.
fn file_path(url: &str) -> Result<Option<PathBuf>, PropertyProblem> {
    let scheme_ends = url.find(':').unwrap_or_default();
    if !url[..scheme_ends].eq_ignore_ascii_case("file") {
        return Ok(None);
    }
    let rest = &url[scheme_ends + 1..];
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    if path.starts_with('/') && !path.contains(['%', '?', '#']) {
        return Ok(Some(PathBuf::from(path)));
    }
    Err(PropertyProblem::new(
        ENDPOINT,
        "is no file: URL with an absolute path; write one such as \"file:///var/run/secrets/kafka/token\", without % ? and #",
    ))
}

/// Checks the URL of an endpoint. The error does not repeat the URL, since people put passwords into URLs.
fn check_url(url: &str) -> Result<(), &'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("begins with none of https://, http:// and file:; write a URL that does")?;
    if rest.contains(['#', '\\']) || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("has a fragment, a backslash or a space; write the URL without");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "has a user in it; write \"sasl.oauthbearer.client.id\" and \"sasl.oauthbearer.client.secret\"",
        );
    }
    if is_broker(authority) {
        Ok(())
    } else {
        Err("has a wrong host or port; write a URL such as \"https://idp:8443/token\"")
    }
}

/// Parses `key=value` pairs separated by commas, with the letters that RFC 7628 allows.
fn extensions(text: &str) -> Result<Vec<(String, String)>, PropertyProblem> {
    let wrong = |why: &str| {
        PropertyProblem::new(EXTENSIONS, &format!("{why}; write \"key=value,key=value\""))
    };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split(',') {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| wrong("has an entry without ="))?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(wrong("has a key with something else than letters"));
        }
        if key == "auth" {
            return Err(wrong("has the key auth, which carries the token"));
        }
        if value.is_empty() || !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(wrong("has a value that is empty or not plain ASCII"));
        }
        if pairs.iter().any(|(earlier, _)| earlier == key) {
            return Err(wrong("has a key twice"));
        }
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}
