//! The names of `client_allowed_sans`, one of which a client's certificate must have.

use std::net::IpAddr;

/// A name that is compared as a whole with the alternative names of a client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AllowedName {
    /// A DNS name.
    Dns(String),
    /// An IP address.
    Address(IpAddr),
    /// A URI, such as the SPIFFE ID of a workload.
    Uri(String),
}

// === impl AllowedName ===

impl AllowedName {
    /// Reads a name of the list `client_allowed_sans`.
    ///
    /// # Errors
    /// The name is empty or an e-mail address. The text is the message for the user.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; write a name".to_owned());
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if text.contains("://") || text.starts_with("urn:") {
            return Ok(Self::Uri(text.to_owned()));
        }
        if text.contains('@') {
            return Err(
                "e-mail addresses are not compared; write a DNS name, an IP address or a URI"
                    .to_owned(),
            );
        }
        Ok(Self::Dns(text.to_owned()))
    }
}
