//! A token as a broker gets it: a signed URL.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;

/// A token with the fields in its URL.
#[derive(Debug)]
pub(crate) struct Token {
    text: String,
    host: String,
    fields: BTreeMap<String, String>,
}

// === impl Token ===

impl Token {
    /// Reads a token from the first message of a login with OAUTHBEARER (RFC 7628).
    pub(crate) fn of_login(message: &str) -> Self {
        let (_, rest) = message.split_once("n,,\u{1}auth=Bearer ").unwrap();
        let (text, _) = rest.split_once('\u{1}').unwrap();
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
        let url = Url::parse(&url).unwrap();
        Self {
            text: text.to_owned(),
            host: url.host_str().unwrap().to_owned(),
            fields: url.query_pairs().into_owned().collect(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Checks that the token is for the cluster of these tests and signed by this key, with this session token.
    #[track_caller]
    pub(crate) fn is_signed_by(&self, key_id: &str, session_token: Option<&str>) {
        assert_eq!(self.host, "kafka.eu-west-1.amazonaws.com");
        let field = |name: &str| self.fields.get(name).map(String::as_str);
        assert_eq!(field("Action"), Some("kafka-cluster:Connect"));
        assert_eq!(field("X-Amz-Expires"), Some("900"));
        assert_eq!(field("X-Amz-Security-Token"), session_token);
        let date = field("X-Amz-Date").unwrap();
        let scope = format!(
            "{key_id}/{}/eu-west-1/kafka-cluster/aws4_request",
            &date[..8]
        );
        assert_eq!(field("X-Amz-Credential"), Some(&*scope));
        assert_eq!(field("X-Amz-Signature").map(str::len), Some(64));
    }
}
