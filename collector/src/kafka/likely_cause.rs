//! The likely causes of failed connections, with their remedies. The causes are read from librdkafka's messages, which name the
//! event and seldom the mistake behind it.

#[cfg(test)]
mod tests;

/// The likely cause of a connection's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LikelyCause {
    /// The listener expects TLS, but the client connects without TLS.
    TlsExpected,
    /// The listener does not speak TLS, but the client does.
    PlaintextExpected,
    /// The listener expects SASL, but the client does not authenticate itself.
    SaslExpected,
    /// The listener does not take SASL, but the client begins with it.
    SaslRefused,
    /// The listener has taken a login on this connection and refuses to begin another one so soon.
    SaslRepeated,
    /// The listener does not have the SASL mechanism of the client.
    SaslMechanism,
    /// The user or the password is wrong.
    SaslCredentials,
    /// The broker does not take the token.
    TokenRefused,
    /// The broker's certificate does not verify, for a reason that the message does not give.
    Certificate,
    /// The authority that signed the broker's certificate is not trusted.
    CertificateAuthority,
    /// The broker's certificate has expired or is not valid yet.
    CertificateDates,
    /// The broker's certificate is for another host.
    CertificateHost,
    /// The listener expects a certificate of its clients.
    ClientCertificate,
    /// The host name cannot be resolved to an address.
    UnknownHost,
    /// Nothing listens at the address, or a firewall refuses the connection.
    ConnectionRefused,
    /// No answer comes from the address: packets are dropped, or the host is down.
    Unreachable,
    /// The listener answers, but supports none of the requests of clients: it is a controller's.
    ControllerListener,
}

/// Parts of messages of librdkafka and OpenSSL, and the cause that these parts point to. A row fits a message that has all its
/// parts; the first row that fits counts.
const CAUSES_BY_TEXT: &[(&[&str], LikelyCause)] = &[
    // These are messages of this program's own verification callback, in `native::certificate_check`.
    (
        &["verification callback failed: certificate has expired"],
        LikelyCause::CertificateDates,
    ),
    (
        &["verification callback failed: certificate is not yet valid"],
        LikelyCause::CertificateDates,
    ),
    (
        &["verification callback failed: hostname mismatch"],
        LikelyCause::CertificateHost,
    ),
    (
        &["verification callback failed: IP address mismatch"],
        LikelyCause::CertificateHost,
    ),
    (
        &["verification callback failed: self-signed"],
        LikelyCause::CertificateAuthority,
    ),
    (
        &["verification callback failed: unable to"],
        LikelyCause::CertificateAuthority,
    ),
    (&["certificate verify failed"], LikelyCause::Certificate),
    (&["verification callback failed"], LikelyCause::Certificate),
    // These are TLS alerts of a broker, and librdkafka's guess where a broker disconnects without an alert. A broker does so to a
    // client that shows no certificate, or one that the broker does not trust.
    (&["alert bad certificate"], LikelyCause::ClientCertificate),
    (
        &["alert certificate required"],
        LikelyCause::ClientCertificate,
    ),
    (&["alert unknown ca"], LikelyCause::ClientCertificate),
    (
        &["alert certificate unknown"],
        LikelyCause::ClientCertificate,
    ),
    (
        &["client SSL authentication might be required"],
        LikelyCause::ClientCertificate,
    ),
    (
        &["SSL handshake failed", "Disconnected"],
        LikelyCause::PlaintextExpected,
    ),
    (
        &["SSL handshake failed", "wrong version number"],
        LikelyCause::PlaintextExpected,
    ),
    (
        &["Disconnected", "in state SSL_HANDSHAKE"],
        LikelyCause::PlaintextExpected,
    ),
    (
        &["mechanism handshake failed", "Unsupported SASL mechanism"],
        LikelyCause::SaslMechanism,
    ),
    (&["mechanism handshake failed"], LikelyCause::SaslRefused),
    // Amazon MSK answers this to a token that it refuses.
    (&["SASL", "Access denied"], LikelyCause::TokenRefused),
    // The statuses of RFC 7628, which a broker answers to a token.
    (&["SASL", "invalid_token"], LikelyCause::TokenRefused),
    (&["SASL", "insufficient_scope"], LikelyCause::TokenRefused),
    (
        &["OAUTHBEARER authentication failed"],
        LikelyCause::TokenRefused,
    ),
    (&["SASL authentication error"], LikelyCause::SaslCredentials),
    (&["SASL authentication fail"], LikelyCause::SaslCredentials),
    (&["Failed to resolve"], LikelyCause::UnknownHost),
    (&["Connection refused"], LikelyCause::ConnectionRefused),
    (&["timed out in state CONNECT"], LikelyCause::Unreachable),
    (&["No route to host"], LikelyCause::Unreachable),
    (&["Network is unreachable"], LikelyCause::Unreachable),
    (
        &["Required feature not supported by broker"],
        LikelyCause::ControllerListener,
    ),
];

/// The longest time after which a broker closes the connection of a client that ought to have authenticated itself first, in
/// milliseconds. librdkafka uses the same figure.
const HANG_UP_WITHIN_MS: u64 = 2_000;

// === impl LikelyCause ===

impl LikelyCause {
    /// Returns the likely cause behind a message of librdkafka about one connection; `None` if the message points to none.
    pub(super) fn from_log(text: &str) -> Option<Self> {
        let fits = |(words, _): &&(&[&str], Self)| words.iter().all(|word| text.contains(word));
        let said = CAUSES_BY_TEXT.iter().find(fits).map(|&(_, cause)| cause);
        said.or_else(|| is_tls_alert(text).then_some(Self::TlsExpected))
            .or_else(|| Self::from_disconnect(text))
    }

    /// Returns the likely cause where a listener closes the connection without an error. The name of a connection begins with the
    /// client's protocol, except for PLAINTEXT.
    fn from_disconnect(text: &str) -> Option<Self> {
        let speaks = |protocol: &str| text.starts_with(protocol);
        if !text.contains("Disconnected") || speaks("ssl://") || speaks("sasl_ssl://") {
            return None;
        }
        let (_, after) = text.rsplit_once("(after ")?;
        let (ms, state) = after.split_once("ms in state ")?;
        let state = state.trim_end_matches(')').split(',').next()?;
        match state {
            // The listener has closed the connection on ApiVersions, the first request of a client, because it expects a TLS
            // handshake.
            "APIVERSION_QUERY" => Some(Self::TlsExpected),
            "UP" if !speaks("sasl_") && ms.parse::<u64>().ok()? < HANG_UP_WITHIN_MS => {
                Some(Self::SaslExpected)
            }
            _ => None,
        }
    }

    /// Returns `true` for a cause whose message can also come from a broker that is shutting down.
    pub(super) const fn is_guess(self) -> bool {
        matches!(self, Self::TlsExpected | Self::SaslExpected)
    }

    /// Returns the likely cause of the same message where connections to the cluster have worked before.
    pub(super) const fn after_success(self) -> Self {
        match self {
            Self::SaslRefused => Self::SaslRepeated,
            other => other,
        }
    }

    /// Returns `true` if this cause says more about a certificate than `other` does.
    pub(super) const fn is_more_precise_than(self, other: Self) -> bool {
        matches!(
            self,
            Self::CertificateAuthority | Self::CertificateDates | Self::CertificateHost
        ) && matches!(other, Self::Certificate)
    }

    /// Returns the likely mistake and the settings that correct it. `broker` is the node id of a broker whose address came from
    /// Kafka, and `None` for one of `bootstrap_servers`.
    pub(super) fn advice(self, broker: Option<i32>) -> String {
        let address = match broker {
            None => "see bootstrap_servers".to_owned(),
            Some(id) => format!(
                "Kafka tells clients this address of broker {id}: see advertised.listeners there, or connect to the listener that is \
                 meant for here"
            ),
        };
        let text = match self {
            Self::TlsExpected => {
                "the listener expects TLS, or is no Kafka; write \"security.protocol\" = \"SSL\", or \"SASL_SSL\" with a login"
            }
            Self::PlaintextExpected => {
                "the listener does not speak TLS; write \"security.protocol\" = \"PLAINTEXT\", or \"SASL_PLAINTEXT\" with a login, or \
                 the port of a listener that does"
            }
            Self::SaslExpected
            | Self::SaslRefused
            | Self::SaslRepeated
            | Self::SaslMechanism
            | Self::SaslCredentials
            | Self::TokenRefused => self.login_advice(),
            Self::Certificate | Self::CertificateAuthority => {
                "the broker's certificate is not signed by an authority of \"ssl.ca.location\"; write the file with the one that did"
            }
            Self::CertificateDates => {
                "the broker's certificate has expired or is not valid yet; renew it, or set the clock"
            }
            Self::CertificateHost => {
                return format!(
                    "the broker's certificate is for another host than this address; {address}"
                );
            }
            Self::ClientCertificate => {
                "the listener expects a certificate of its clients; write \"ssl.certificate.location\" and \"ssl.key.location\", of \
                 one that the broker trusts"
            }
            Self::UnknownHost => return format!("the host is not known here; {address}"),
            Self::ConnectionRefused => {
                return format!("nothing listens there, or a firewall refuses; {address}");
            }
            Self::Unreachable => {
                return format!(
                    "a firewall or NetworkPolicy drops packets, or the host is away; {address}"
                );
            }
            Self::ControllerListener => {
                "the listener answers, but not the questions of clients: most likely it is a controller's; write a broker's in \
                 bootstrap_servers"
            }
        };
        text.to_owned()
    }

    /// Returns the likely mistake about a login and the settings that correct it; empty for causes that are not about logins.
    const fn login_advice(self) -> &'static str {
        match self {
            Self::SaslExpected => {
                "the listener expects a login; write \"security.protocol\" = \"SASL_PLAINTEXT\", \"sasl.mechanism\", \
                 \"sasl.username\" and \"sasl.password\""
            }
            Self::SaslRefused => {
                "the listener takes no login; write \"security.protocol\" = \"PLAINTEXT\", or \"SSL\" with TLS, or the port of a \
                 listener that does"
            }
            Self::SaslRepeated => {
                "the broker wants logins again sooner than it takes them, which is within a second; most likely a token is about to \
                 expire, see when a new one is there, or \"connections.max.reauth.ms\" of the broker is too short"
            }
            Self::SaslMechanism => {
                "the listener does not have this mechanism; write one that it has as \"sasl.mechanism\""
            }
            Self::SaslCredentials => {
                "the user or the password is wrong; see \"sasl.username\" and \"sasl.password\", with OAUTHBEARER \
                 \"sasl.oauthbearer.config\""
            }
            Self::TokenRefused => {
                "the broker does not take the token; see which issuer, audience, scope and signing key it expects, at Amazon MSK the \
                 right kafka-cluster:Connect of the role, and the clocks of both"
            }
            _ => "",
        }
    }
}

/// Returns `true` if a listener with TLS has answered a client without TLS. The listener sends an alert, whose first bytes (type
/// 21, version 3.x) librdkafka reads as the size of an answer.
pub(super) fn is_tls_alert(text: &str) -> bool {
    const ALERT: u32 = 0x15_03;
    let size = text
        .split_once("Invalid response size ")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<u32>().ok());
    size.is_some_and(|size| size >> 16 == ALERT)
}
