//! Messages of librdkafka about mistakes, and the causes that are read from them.

use super::*;

/// The messages are those of librdkafka 2.12.1 about listeners of Apache Kafka 4.1.0.
#[test]
fn the_cause_of_each_mistake_is_read_from_the_message() {
    for (text, cause) in [
        (
            "127.0.0.1:9092/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 1ms in state \
             APIVERSION_QUERY)",
            LikelyCause::TlsExpected,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after \
             1ms in state APIVERSION_QUERY, 1 identical error(s) suppressed)",
            LikelyCause::TlsExpected,
        ),
        (
            "ssl://127.0.0.1:9092/bootstrap: SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a \
             PLAINTEXT broker listener? (after 2ms in state SSL_HANDSHAKE)",
            LikelyCause::PlaintextExpected,
        ),
        (
            "127.0.0.1:9092/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 0ms in state UP)",
            LikelyCause::SaslExpected,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Request not valid in \
             current SASL state: broker's supported mechanisms:  (after 0ms in state AUTH_HANDSHAKE)",
            LikelyCause::SaslRefused,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported SASL \
             mechanism: broker's supported mechanisms: PLAIN,SCRAM-SHA-256 (after 301ms in state AUTH_HANDSHAKE)",
            LikelyCause::SaslMechanism,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL authentication error: Authentication failed: Invalid username or \
             password (after 301ms in state AUTH_REQ)",
            LikelyCause::SaslCredentials,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL authentication error: {\"status\":\"invalid_token\"} (after 304ms in \
             state AUTH_REQ)",
            LikelyCause::TokenRefused,
        ),
        (
            "ssl://127.0.0.1:9092/bootstrap: Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL \
             alert number 42 (after 0ms in state APIVERSION_QUERY)",
            LikelyCause::ClientCertificate,
        ),
        (
            "nowhere.invalid:9092/1: Failed to resolve 'nowhere.invalid:9092': Name or service not known (after 5ms in state \
             CONNECT)",
            LikelyCause::UnknownHost,
        ),
        (
            "127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
            LikelyCause::ConnectionRefused,
        ),
    ] {
        assert_eq!(LikelyCause::from_log(text), Some(cause), "{text}");
    }
}

#[test]
fn a_connection_that_ends_normally_has_no_cause() {
    for text in [
        "127.0.0.1:9092/1: Disconnected: connection closed by peer: receive 0 after POLLIN (after 61234ms in state UP)",
        "ssl://127.0.0.1:9092/1: Disconnected: SSL connection closed by peer (after 0ms in state UP)",
        "sasl_plaintext://127.0.0.1:9092/1: Disconnected: connection closed by peer (after 0ms in state UP)",
        "127.0.0.1:9092/1: 1 request(s) timed out: disconnect (average rtt 1.2ms) (after 1ms in state UP)",
        "",
    ] {
        assert_eq!(LikelyCause::from_log(text), None, "{text}");
    }
}

#[test]
fn the_advice_about_a_broker_found_through_kafka_is_to_see_its_advertised_listeners() {
    assert!(
        LikelyCause::ConnectionRefused
            .advice(None)
            .contains("bootstrap_servers")
    );
    let told = LikelyCause::ConnectionRefused.advice(Some(3));
    assert!(told.contains("advertised.listeners") && told.contains("broker 3"));
}
