//! Tests of the provider, which is asked as a client and as a broker ask it.

use ::ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::*;

fn ask(provider: &IdentityProvider, request: &str) -> Result<(String, Value)> {
    let mut stream = TcpStream::connect(("127.0.0.1", provider.port))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    Ok((head.to_owned(), serde_json::from_str(body)?))
}

fn token_request(secret: &str) -> String {
    let credentials = STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
    let body = "grant_type=client_credentials";
    let size = body.len();
    format!(
        "POST /token HTTP/1.1\r\nauthorization: Basic {credentials}\r\ncontent-length: {size}\r\n\r\n{body}"
    )
}

fn decode(part: &str) -> Result<Vec<u8>> {
    Ok(URL_SAFE_NO_PAD.decode(part)?)
}

fn provider() -> Result<IdentityProvider> {
    IdentityProvider::start(Tokens {
        user: "monitor",
        audience: AUDIENCE,
        life: Duration::from_secs(60),
        age: Duration::ZERO,
    })
}

#[test]
fn a_token_is_signed_by_the_last_key_that_brokers_are_told() -> Result<()> {
    let provider = provider()?;
    provider.add_key()?;
    let (head, answer) = ask(&provider, &token_request(CLIENT_SECRET))?;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(answer["expires_in"], 60);
    let token = answer["access_token"].as_str().context("no token")?;
    let (signed, signature) = token.rsplit_once('.').context("no signature")?;
    let (header, claims) = signed.split_once('.').context("no claims")?;
    let header: Value = serde_json::from_slice(&decode(header)?)?;
    let claims: Value = serde_json::from_slice(&decode(claims)?)?;
    assert_eq!(
        (&claims["sub"], &claims["aud"]),
        (&json!("monitor"), &json!(AUDIENCE))
    );

    let (_, keys) = ask(&provider, "GET /keys HTTP/1.1\r\n\r\n")?;
    let keys = keys["keys"].as_array().context("no keys")?;
    assert_eq!(keys.len(), 2);
    let key = keys.iter().find(|key| key["kid"] == header["kid"]);
    let key = key.context("the key is not told")?;
    let part = |name: &str| decode(key[name].as_str().unwrap_or_default());
    let point = [vec![4], part("x")?, part("y")?].concat();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    let verified = public.verify(signed.as_bytes(), &decode(signature)?);
    assert!(verified.is_ok());
    provider.forget_old_keys();
    let (_, keys) = ask(&provider, "GET /keys HTTP/1.1\r\n\r\n")?;
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn a_wrong_secret_and_a_provider_that_is_away_give_no_token() -> Result<()> {
    let provider = provider()?;
    let (head, answer) = ask(&provider, &token_request("wrong"))?;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    assert_eq!(answer["error"], "invalid_client");
    provider.set_mood(Mood::Away);
    assert!(ask(&provider, &token_request(CLIENT_SECRET)).is_err());
    assert_eq!(provider.requests().len(), 2);
    Ok(())
}
