//! The troubles with tokens, with the reason under which each is counted and the advice about it.

use std::fmt;

use shared::config::Mask;
use shared::text::sanitize;

use crate::snapshot::Reason;

/// A trouble with the token. Its text has no token and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenTrouble {
    /// The kind, from which the reason and the advice follow.
    pub kind: TokenTroubleKind,
    /// The text for the log: the endpoint or the file, and what happened with it.
    pub text: String,
}

/// The kinds of troubles with tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenTroubleKind {
    /// The identity provider refuses the login.
    Refused,
    /// The identity provider gives no answer, or says that it cannot give one now.
    Unreachable,
    /// TLS with the identity provider fails.
    Certificate,
    /// The file with the token cannot be read.
    File,
    /// The answer or the file has no token that can be used.
    Unusable,
    /// The token has expired.
    Expired,
    /// The clocks of this machine and of the token's maker differ.
    Clocks,
    /// AWS refuses the credentials or the role.
    AwsRefused,
    /// A service of AWS gives no answer, or says that it cannot give one now.
    AwsUnreachable,
    /// There are no AWS credentials, or none that can be used.
    AwsCredentials,
}

// === impl TokenTrouble ===

impl TokenTrouble {
    /// Makes a trouble. Secrets of the cluster and control characters are taken out of `text`, parts of which may come from a provider.
    pub fn new(kind: TokenTroubleKind, text: &str, mask: &Mask) -> Self {
        Self {
            kind,
            text: sanitize(&mask.hide(text)),
        }
    }

    /// Returns the reason under which the trouble is counted.
    pub const fn reason(&self) -> Reason {
        self.kind.reason()
    }
}

impl fmt::Display for TokenTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// === impl TokenTroubleKind ===

impl TokenTroubleKind {
    const fn reason(self) -> Reason {
        match self {
            Self::Refused | Self::AwsRefused => Reason::TokenRefused,
            Self::Unreachable | Self::Certificate | Self::AwsUnreachable => {
                Reason::TokenUnreachable
            }
            Self::File | Self::Unusable | Self::AwsCredentials => Reason::TokenUnusable,
            Self::Expired => Reason::TokenExpired,
            Self::Clocks => Reason::ClockSkew,
        }
    }

    /// Returns the likely mistake behind this kind of trouble, and what corrects it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Refused => {
                "the identity provider refuses the client; see \"sasl.oauthbearer.client.id\", \"sasl.oauthbearer.client.secret\" and \
                 \"sasl.oauthbearer.scope\", and whether the client may use client credentials"
            }
            Self::Unreachable => {
                "the identity provider does not answer; see \"sasl.oauthbearer.token.endpoint.url\", firewalls and NetworkPolicies, and \
                 the variables HTTPS_PROXY and NO_PROXY"
            }
            Self::Certificate => {
                "the identity provider's certificate is not signed by an authority that is known here, or is for another host, or has \
                 expired; write the file with the authority as \"https.ca.location\""
            }
            Self::File => {
                "see the file: URL in \"sasl.oauthbearer.token.endpoint.url\", and whether the volume with the token is mounted"
            }
            Self::Unusable => {
                "the answer of the endpoint, or the file, has no token that can be used; see \"sasl.oauthbearer.token.endpoint.url\" and what \
                 writes the file"
            }
            Self::Expired => {
                "the token is older than it may be; see why it was not renewed, and the clock of this machine"
            }
            Self::Clocks => {
                "the clocks of this machine and of the identity provider differ; set them by NTP"
            }
            Self::AwsRefused => {
                "AWS refuses the credentials or the role; see the role of the pod's ServiceAccount or pod identity and its trust policy, \
                 and \"aws.role.arn\""
            }
            Self::AwsUnreachable => {
                "a service of AWS does not answer; see firewalls and NetworkPolicies, the endpoint of STS in the VPC, and the variables \
                 AWS_REGION, HTTPS_PROXY and NO_PROXY"
            }
            Self::AwsCredentials => {
                "there are no AWS credentials that can be used; see the role of the pod's ServiceAccount or pod identity, \"aws.profile\", \
                 and the variables whose names begin with AWS_"
            }
        }
    }
}
