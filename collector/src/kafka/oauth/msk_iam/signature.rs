//! The token itself: a request to Kafka of Amazon MSK whose signature is in its URL, by AWS' Signature Version 4. The region in it is the
//! cluster's.

use std::borrow::Cow;
use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;

/// The life of a token from its signature on. AWS' own signers have the same, and brokers take no longer one.
pub(super) const LIFE: Duration = Duration::from_secs(900);

/// The service in the signature.
const SERVICE: &str = "kafka-cluster";

/// The program that brokers read in a token. It is not a part of what is signed.
const USER_AGENT: &str = concat!("klag-exporter/", env!("CARGO_PKG_VERSION"));

/// The names and values of a URL's query.
type Query = Vec<(&'static str, Cow<'static, str>)>;

/// Signs a token, at the time `now` since 1970.
///
/// # Errors
/// The library refuses to sign. The text has no credentials.
pub(super) fn token(
    region: &str,
    credentials: Credentials,
    now: Duration,
) -> Result<String, String> {
    let mut url = Url::parse(&format!("https://kafka.{region}.amazonaws.com/"))
        .map_err(|error| format!("the region makes no URL: {error}"))?;
    url.query_pairs_mut()
        .append_pair("Action", "kafka-cluster:Connect");
    let signed = signed_query(&url, region, credentials, UNIX_EPOCH + now)
        .map_err(|error| format!("cannot sign: {error}"))?;
    url.query_pairs_mut()
        .extend_pairs(signed)
        .append_pair("User-Agent", USER_AGENT);
    Ok(URL_SAFE_NO_PAD.encode(url.as_str()))
}

/// Returns the names and values that make `url` a signed one.
fn signed_query(
    url: &Url,
    region: &str,
    credentials: Credentials,
    time: SystemTime,
) -> Result<Query, Box<dyn Error>> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFE);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(time)
        .settings(settings)
        .build()?
        .into();
    let no_headers = std::iter::empty();
    let request = SignableRequest::new("GET", url.as_str(), no_headers, SignableBody::empty())?;
    let (instructions, _signature) = sign(request, &params)?.into_parts();
    let (_headers, query) = instructions.into_parts();
    Ok(query)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// 2026-11-28T13:20:07Z.
    const NOW: Duration = Duration::from_secs(1_795_872_007);

    const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// The tokens of AWS' own signer at that time, with a region and the credentials: key id and session token. They are from
    /// aws-msk-iam-sasl-signer-python 1.0.2 with botocore 1.44.8, and are made again so:
    ///
    /// ```python
    /// from aws_msk_iam_sasl_signer.MSKAuthTokenProvider import generate_auth_token_from_credentials_provider
    /// from botocore.credentials import CredentialProvider, Credentials
    /// from freezegun import freeze_time
    /// class Fixed(CredentialProvider):
    ///     load = lambda self: Credentials(key_id, secret_key, session_token)
    /// with freeze_time("2026-11-28 13:20:07"):
    ///     print(generate_auth_token_from_credentials_provider(region, Fixed())[0])
    /// ```
    const RECORDED: [(&str, &str, Option<&str>, &str); 2] = [
        (
            "eu-west-1",
            "AKIDEXAMPLE",
            None,
            "aHR0cHM6Ly9rYWZrYS5ldS13ZXN0LTEuYW1hem9uYXdzLmNvbS8_QWN0aW9uPWthZmthLWNsdXN0ZXIlM0FDb25uZW\
             N0JlgtQW16LUFsZ29yaXRobT1BV1M0LUhNQUMtU0hBMjU2JlgtQW16LUNyZWRlbnRpYWw9QUtJREVYQU1QTEUlMkYy\
             MDI2MTEyOCUyRmV1LXdlc3QtMSUyRmthZmthLWNsdXN0ZXIlMkZhd3M0X3JlcXVlc3QmWC1BbXotRGF0ZT0yMDI2MT\
             EyOFQxMzIwMDdaJlgtQW16LUV4cGlyZXM9OTAwJlgtQW16LVNpZ25lZEhlYWRlcnM9aG9zdCZYLUFtei1TaWduYXR1\
             cmU9M2Y1N2NiNWVlNmZiNTZlYmY5OTVlNjZmZWQ1YjMxYmMxM2Y0MjUyZjVjNTJmYTY5ZDUyMmQ4OGZjOTQyYmI0Ny\
             ZVc2VyLUFnZW50PWF3cy1tc2staWFtLXNhc2wtc2lnbmVyLXB5dGhvbiUyRjEuMC4y",
        ),
        (
            "us-gov-west-1",
            "ASIAEXAMPLE",
            Some("FwoGZXIvYXdzEBYaDHqa0AP/1+x=="),
            "aHR0cHM6Ly9rYWZrYS51cy1nb3Ytd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1rYWZrYS1jbHVzdGVyJTNBQ2\
             9ubmVjdCZYLUFtei1BbGdvcml0aG09QVdTNC1ITUFDLVNIQTI1NiZYLUFtei1DcmVkZW50aWFsPUFTSUFFWEFNUExF\
             JTJGMjAyNjExMjglMkZ1cy1nb3Ytd2VzdC0xJTJGa2Fma2EtY2x1c3RlciUyRmF3czRfcmVxdWVzdCZYLUFtei1EYX\
             RlPTIwMjYxMTI4VDEzMjAwN1omWC1BbXotRXhwaXJlcz05MDAmWC1BbXotU2lnbmVkSGVhZGVycz1ob3N0JlgtQW16\
             LVNlY3VyaXR5LVRva2VuPUZ3b0daWEl2WVhkekVCWWFESHFhMEFQJTJGMSUyQnglM0QlM0QmWC1BbXotU2lnbmF0dX\
             JlPTBjMjNjZGIxNGJkMTUxMDc5ZWE4MGVkNGYzYmJjNTc3MDFhYTE5ZTk2MGZmYzE0MDQwMDA3ZTkyZDkyZjE1YjUm\
             VXNlci1BZ2VudD1hd3MtbXNrLWlhbS1zYXNsLXNpZ25lci1weXRob24lMkYxLjAuMg",
        ),
    ];

    /// Returns the URL in a token: what stands before its query, and the fields of the query.
    fn fields(token: &str) -> (String, BTreeMap<String, String>) {
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
        let url = Url::parse(&url).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let fields: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(fields.len(), pairs.len(), "a field twice");
        let mut front = url;
        front.set_query(None);
        (front.into(), fields)
    }

    #[test]
    fn a_token_has_the_fields_of_aws_own_signer() {
        for (region, key_id, session_token, recorded) in RECORDED {
            let session_token = session_token.map(str::to_owned);
            let credentials = Credentials::new(key_id, SECRET_KEY, session_token, None, "test");
            let (front, mut ours) = fields(&token(region, credentials, NOW).unwrap());
            let (front_of_aws, mut of_aws) = fields(recorded);
            assert_eq!(front, front_of_aws);
            let agent = ours.remove("User-Agent").unwrap();
            assert!(agent.starts_with("klag-exporter/"), "{agent}");
            assert!(of_aws.remove("User-Agent").is_some());
            assert_eq!(ours, of_aws);
            assert_eq!(ours["X-Amz-Signature"].len(), 64);
            assert_eq!(ours["X-Amz-Expires"], LIFE.as_secs().to_string());
        }
    }

    #[test]
    fn a_token_has_only_characters_that_a_login_carries() {
        let credentials = Credentials::new("AKID", SECRET_KEY, Some("~*+/= ".into()), None, "test");
        let token = token("eu-west-1", credentials, NOW).unwrap();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(token.bytes().all(is_plain), "{token}");
    }
}
