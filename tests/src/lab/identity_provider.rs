//! An identity provider: a token endpoint with client credentials, and the keys (JWKS) by which brokers check its tokens.

mod broker;
mod key;
mod request;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::keys::Keys;
use super::wall_seconds;

use self::key::SigningKey;
use self::request::read_request;

/// The id of the client that the provider knows.
pub const CLIENT_ID: &str = "klag-exporter";

/// The secret of that client.
pub const CLIENT_SECRET: &str = "lab-client-secret";

/// The issuer in every token.
pub const ISSUER: &str = "klag-lab";

/// The audience that brokers expect.
pub const AUDIENCE: &str = "kafka";

/// The time limit of each read from a client, after which its connection is dropped.
const LIMIT: Duration = Duration::from_secs(5);

/// A running identity provider on loopback, until the process ends.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    /// The port of the keys, and of the token endpoint where that has no TLS.
    port: u16,
    /// The port of the token endpoint with TLS.
    tls_port: Option<u16>,
    state: Arc<Mutex<ProviderState>>,
}

/// The behaviour of the provider towards requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// The provider answers each request.
    Well,
    /// The provider closes each connection without an answer.
    Away,
}

/// The claims of the tokens that the provider gives.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The claim `sub`: the user that a token is for.
    pub user: &'static str,
    /// The claim `aud`: the audience of a token.
    pub audience: &'static str,
    /// The life of a token.
    pub life: Duration,
    /// The age of a token when it is given. A token that is older than its life has expired by then.
    pub age: Duration,
}

#[derive(Debug)]
struct ProviderState {
    mood: Mood,
    tokens: Tokens,
    /// The keys whose public halves brokers are told. The last one signs tokens.
    keys: Vec<SigningKey>,
    n_keys: usize,
    /// The moments of all requests for a token, in seconds since 1970.
    requests: Vec<f64>,
}

// === impl IdentityProvider ===

impl IdentityProvider {
    /// Starts a provider in plain HTTP, with one key.
    pub fn start(tokens: Tokens) -> Result<Self> {
        let state = ProviderState {
            mood: Mood::Well,
            tokens,
            keys: vec![SigningKey::make(0)?],
            n_keys: 1,
            requests: Vec::new(),
        };
        let mut provider = Self {
            port: 0,
            tls_port: None,
            state: Arc::new(Mutex::new(state)),
        };
        provider.port = provider.listen(None)?;
        Ok(provider)
    }

    /// Starts a provider with one key. Its token endpoint speaks TLS, with the certificate of a broker; its keys are in plain HTTP.
    pub fn start_with_tls(tokens: Tokens, keys: &Keys) -> Result<Self> {
        let pem = fs::read(keys.broker())?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let key = PrivateKeyDer::from_pem_slice(&pem)?;
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain?, key)?;
        let provider = Self::start(tokens)?;
        let tls_port = provider.listen(Some(Arc::new(tls)))?;
        Ok(Self {
            tls_port: Some(tls_port),
            ..provider
        })
    }

    /// Serves a new port until the process ends; returns the port.
    fn listen(&self, tls: Option<Arc<ServerConfig>>) -> Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let serving = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serving, tls) = (serving.clone(), tls.clone());
                // The error of a connection is dropped; the test sees its effect on the client.
                std::thread::spawn(move || serving.accept(stream, tls).ok());
            }
        });
        Ok(port)
    }

    /// Returns the URL of the token endpoint.
    pub fn token_url(&self) -> String {
        match self.tls_port {
            Some(port) => format!("https://127.0.0.1:{port}/token"),
            None => format!("http://127.0.0.1:{}/token", self.port),
        }
    }

    /// Returns the URL of the public keys (JWKS), for brokers.
    pub fn keys_url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.port)
    }

    /// Changes the behaviour of the provider from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Changes the claims of the tokens that are given from now on.
    pub fn set_tokens(&self, change: impl FnOnce(&mut Tokens)) {
        change(&mut self.state().tokens);
    }

    /// Signs tokens with a new key from now on. Brokers are still told the old keys too.
    pub fn add_key(&self) -> Result<()> {
        let mut state = self.state();
        let key = SigningKey::make(state.n_keys)?;
        state.n_keys += 1;
        state.keys.push(key);
        Ok(())
    }

    /// Tells brokers the last key only from now on, so they refuse tokens that an older one has signed.
    pub fn forget_old_keys(&self) {
        let mut state = self.state();
        let n_old = state.keys.len() - 1;
        state.keys.drain(..n_old);
    }

    /// Returns the moments of all requests for a token so far, in seconds since 1970.
    pub fn requests(&self) -> Vec<f64> {
        self.state().requests.clone()
    }

    /// Returns a token as the endpoint gives it, for a test that writes it into a file.
    pub fn token(&self) -> Result<String> {
        self.state().sign()
    }

    fn accept(&self, stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Result<()> {
        stream.set_read_timeout(Some(LIMIT))?;
        match tls {
            None => self.serve(stream),
            Some(tls) => {
                let connection = ServerConnection::new(tls)?;
                self.serve(StreamOwned::new(connection, stream))
            }
        }
    }

    fn serve(&self, mut stream: impl Read + Write) -> Result<()> {
        let request = read_request(&mut stream)?;
        let mut state = self.state();
        let is_for_keys = request.starts_with("GET /keys ");
        if !is_for_keys {
            state.requests.push(wall_seconds());
        }
        let (status, body) = match state.mood {
            Mood::Away => return Ok(()),
            Mood::Well if is_for_keys => (200, state.public_keys()),
            Mood::Well => state.answer(&request)?,
        };
        drop(state);
        let body = body.to_string();
        write!(
            stream,
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl ProviderState ===

impl ProviderState {
    fn answer(&self, request: &str) -> Result<(u16, Value)> {
        let credentials = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
        let expected = format!("authorization: basic {}", credentials.to_ascii_lowercase());
        let is_known = request
            .lines()
            .any(|line| line.to_ascii_lowercase() == expected);
        if !is_known {
            let body =
                json!({"error": "invalid_client", "error_description": "wrong id or secret"});
            return Ok((401, body));
        }
        if !request.contains("grant_type=client_credentials") {
            return Ok((400, json!({"error": "unsupported_grant_type"})));
        }
        let left = self.tokens.life.saturating_sub(self.tokens.age);
        let body = json!({
            "access_token": self.sign()?,
            "token_type": "Bearer",
            // No provider tells that the token it gives has expired, so the life is told instead, and the broker refuses the token.
            "expires_in": if left.is_zero() { self.tokens.life } else { left }.as_secs(),
        });
        Ok((200, body))
    }

    fn sign(&self) -> Result<String> {
        let Tokens {
            user,
            audience,
            life,
            age,
        } = self.tokens.clone();
        let key = self.keys.last().context("there is no key")?;
        let made = wall_seconds() - age.as_secs_f64();
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": key.id});
        let claims = json!({
            "iss": ISSUER,
            "aud": audience,
            "sub": user,
            "iat": made.floor(),
            "exp": (made + life.as_secs_f64()).floor(),
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        Ok(format!("{signed}.{}", key.sign(&signed)?))
    }

    fn public_keys(&self) -> Value {
        let keys: Vec<_> = self.keys.iter().map(SigningKey::public).collect();
        json!({ "keys": keys })
    }
}
