//! The request to a token endpoint, with client credentials (RFC 6749, section 4.4).

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Client, ClientBuilder, Response, Url, header, redirect, retry};
use rustls::ClientConfig;
use shared::config::TokenEndpoint;

use super::answer::{self, MAX_BYTES, TokenAnswer};
use super::authorities;
use super::trouble::TokenTroubleKind;

/// The longest time for one request to the endpoint, from the connection to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer that has a token, and the endpoint's clock.
pub(super) struct DatedAnswer {
    pub(super) answer: TokenAnswer,
    /// The time since 1970 by the endpoint's clock; `None` where the answer has no header `Date`.
    pub(super) endpoint_now: Option<Duration>,
}

/// Returns words for an endpoint: its host and port. The rest of its URL is never shown, because it may have secrets.
pub(super) fn place(endpoint: &TokenEndpoint) -> String {
    let url = Url::parse(endpoint.url.expose()).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("?");
    let port = url.as_ref().and_then(Url::port_or_known_default);
    format!("token endpoint {host}:{}", port.unwrap_or_default())
}

/// Asks the endpoint for a token, once. The HTTP client is made for this one request, because a file with authorities may have changed
/// and no connection may stay open after the request.
///
/// # Errors
/// The request fails or takes too long, or the answer has no token: the kind of trouble, with words.
pub(super) async fn ask(
    endpoint: &TokenEndpoint,
) -> Result<DatedAnswer, (TokenTroubleKind, String)> {
    tokio::time::timeout(TIMEOUT, exchange(endpoint))
        .await
        .unwrap_or_else(|_| {
            let text = format!("no answer within {} s", TIMEOUT.as_secs());
            Err((TokenTroubleKind::Unreachable, text))
        })
}

async fn exchange(endpoint: &TokenEndpoint) -> Result<DatedAnswer, (TokenTroubleKind, String)> {
    let tls = authorities::tls(&endpoint.authorities)
        .map_err(|text| (TokenTroubleKind::Certificate, text))?;
    let request = client(tls)
        .build()
        .map_err(failed)?
        .post(endpoint.url.expose())
        .basic_auth(&endpoint.client_id, Some(endpoint.client_secret.expose()))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form(endpoint.scope.as_deref()));
    let mut response = request.send().await.map_err(failed)?;
    let endpoint_now = date(&response);
    let body = body(&mut response).await?;
    let answer = answer::read(response.status().as_u16(), &body)?;
    Ok(DatedAnswer {
        answer,
        endpoint_now,
    })
}

/// Returns the settings of a client whose connections end with their requests.
pub(super) fn client(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .http1_only()
        .pool_max_idle_per_host(0)
}

/// Returns the body of the request, which asks for client credentials and, where one is configured, a scope.
fn form(scope: Option<&str>) -> String {
    let grant = "grant_type=client_credentials";
    match scope {
        None => grant.to_owned(),
        // librdkafka sends a scope without encoding it, so a scope that works with librdkafka may be encoded already.
        Some(scope) if scope.contains('%') => format!("{grant}&scope={scope}"),
        Some(scope) => {
            let mut url = Url::parse("form:").expect("a URL");
            url.query_pairs_mut().append_pair("scope", scope);
            format!("{grant}&{}", url.query().unwrap_or_default())
        }
    }
}

/// Reads the body of an answer, and no more than one byte beyond [`MAX_BYTES`].
pub(super) async fn body(response: &mut Response) -> Result<Vec<u8>, (TokenTroubleKind, String)> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        let room = MAX_BYTES + 1 - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() > MAX_BYTES {
            break;
        }
    }
    Ok(body)
}

/// Returns the time since 1970 in the header `Date`; `None` where the header is missing or wrong.
pub(super) fn date(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::DATE)?.to_str().ok()?;
    let date: SystemTime = httpdate::parse_http_date(text).ok()?;
    date.duration_since(UNIX_EPOCH).ok()
}

/// Returns the kind of an error with the words of its innermost cause, because the outer ones repeat the URL.
pub(super) fn failed(error: reqwest::Error) -> (TokenTroubleKind, String) {
    let error = error.without_url();
    let mut cause: &(dyn Error + 'static) = &error;
    let mut kind = TokenTroubleKind::Unreachable;
    loop {
        if is_of_tls(cause) {
            kind = TokenTroubleKind::Certificate;
        }
        let Some(inner) = cause.source() else {
            return (kind, cause.to_string());
        };
        cause = inner;
    }
}

/// Returns true for an error of rustls, also where errors of I/O are wrapped around it.
fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    let mut error = error;
    while let Some(inner) = error.downcast_ref().and_then(io::Error::get_ref) {
        error = inner;
    }
    error.is::<rustls::Error>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_encoded() {
        assert_eq!(form(None), "grant_type=client_credentials");
        assert_eq!(
            form(Some("api://kafka/.default a&b")),
            "grant_type=client_credentials&scope=api%3A%2F%2Fkafka%2F.default+a%26b"
        );
        assert_eq!(
            form(Some("a%20b")),
            "grant_type=client_credentials&scope=a%20b"
        );
    }
}
