//! The key pairs with which a provider signs tokens.

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct SigningKey {
    pub(super) id: String,
    pair: EcdsaKeyPair,
}

// === impl SigningKey ===

impl SigningKey {
    pub(super) fn make(number: usize) -> Result<Self> {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let bad = |_| anyhow!("cannot make a key");
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(bad)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .map_err(|error| anyhow!("cannot read a key: {error}"))?;
        Ok(Self {
            id: format!("key-{number}"),
            pair,
        })
    }

    /// Returns the public half as a JWK. ring gives the point as one byte, then x and y of 32 bytes each.
    pub(super) fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
        })
    }

    /// Returns the signature of a text in the form that JWS has for ES256.
    pub(super) fn sign(&self, text: &str) -> Result<String> {
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map_err(|_| anyhow!("cannot sign"))?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }
}
