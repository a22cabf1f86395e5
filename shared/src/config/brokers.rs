//! The brokers to begin with, parsed as librdkafka parses them, and refused where librdkafka would silently leave some of them
//! out.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use super::form::Rejection;
use super::secret::Secret;

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// Accepts brokers separated by commas; the result has no spaces and no empty items.
///
/// # Errors
/// Returns the place of the first item that is no broker and what is wrong with it, without its text; or says that no item
/// names a broker.
pub(super) fn parse(text: &str) -> Result<String, Rejection> {
    let mut servers = Vec::new();
    for (i, item) in text.split(',').map(str::trim).enumerate() {
        if !item.is_empty() {
            let server =
                server(item).map_err(|why| Rejection::Because(format!("entry {} {why}", i + 1)))?;
            servers.push(server);
        }
    }
    if servers.is_empty() {
        return Err(Rejection::Because("no entry names a broker".to_owned()));
    }
    Ok(servers.join(","))
}

/// Returns the message for the user where a broker begins with another protocol than that of `properties`; `None` where no
/// broker does. librdkafka would leave out that broker and all that follow it.
pub(super) fn protocol_mismatch(
    servers: &str,
    properties: &BTreeMap<String, Secret>,
) -> Option<String> {
    let configured = properties
        .get("security.protocol")
        .map_or("PLAINTEXT", Secret::expose);
    servers.split(',').find_map(|server| {
        let (protocol, _) = server.split_once("://")?;
        (!protocol.eq_ignore_ascii_case(configured)).then(|| {
            format!(
                "begins a broker with {protocol}://, and security.protocol in consumer_properties is another; write the same in \
                 both, or the broker without {protocol}://"
            )
        })
    })
}

/// Accepts one broker, with its protocol in upper case and without a path.
///
/// # Errors
/// Returns what is wrong with the broker, without its text.
fn server(item: &str) -> Result<String, &'static str> {
    let Some((protocol, address)) = item.split_once("://") else {
        return match item.parse::<Ipv6Addr>() {
            // An IPv6 address without brackets is refused, because its last group of digits may be meant as a port.
            Ok(_) => Err("is an IPv6 address without brackets, such as [::1]:9092 has them"),
            Err(_) if is_broker(item) => Ok(item.to_owned()),
            Err(_) => Err("is not host:port"),
        };
    };
    let protocol = protocol.to_ascii_uppercase();
    // librdkafka ignores everything from a slash on, as if it were the path of a URL.
    let address = address.split('/').next().unwrap_or_default();
    if !PROTOCOLS.contains(&&*protocol) {
        return Err("begins with a protocol that Kafka does not have");
    }
    if !is_broker(address) {
        return Err("is not host:port");
    }
    Ok(format!("{protocol}://{address}"))
}

/// Returns true where `text` is `host`, `host:port`, `[address]` or `[address]:port`.
pub(super) fn is_broker(text: &str) -> bool {
    let port = if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        // An IPv6 address may be followed by `%` and the name of a network interface, as link-local addresses need. Without an
        // interface, `lo` stands in, so that the check of the name passes.
        let (address, interface) = address.split_once('%').unwrap_or((address, "lo"));
        if address.parse::<Ipv6Addr>().is_err() || !is_name(interface) {
            return false;
        }
        port
    } else {
        let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        if !is_name(host) {
            return false;
        }
        port
    };
    let number = port.strip_prefix(':').map(str::parse::<u16>);
    port.is_empty() || matches!(number, Some(Ok(1..)))
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        parse(text).map_err(|rejection| match rejection {
            Rejection::WrongForm => String::new(),
            Rejection::Because(why) => why,
        })
    }

    /// `rd_kafka_brokers_add0` of librdkafka 2.12.1 skips commas and spaces before a broker.
    #[test]
    fn commas_and_spaces_that_librdkafka_ignores_are_ignored() {
        for (text, servers) in [
            ("a:9092,", "a:9092"),
            (",a:9092", "a:9092"),
            ("a:9092,,b", "a:9092,b"),
            (" a:9092 , b:9093 ,", "a:9092,b:9093"),
            ("a\n,b\n", "a,b"),
            ("[::1]:9092,[fe80::1%eth0]", "[::1]:9092,[fe80::1%eth0]"),
            ("plaintext://a:9092/path", "PLAINTEXT://a:9092"),
            ("SASL_SSL://a:9092,b", "SASL_SSL://a:9092,b"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(servers), "{text:?}");
        }
    }

    #[test]
    fn an_item_that_is_no_broker_is_refused_with_its_place() {
        for (text, why) in [
            (",", "no entry names a broker"),
            (" ", "no entry names a broker"),
            ("a,,:9092", "entry 3 is not host:port"),
            ("a:0", "entry 1 is not host:port"),
            ("a:65536", "entry 1 is not host:port"),
            ("[::1", "entry 1 is not host:port"),
            ("[::1]9092", "entry 1 is not host:port"),
            (
                "::1",
                "entry 1 is an IPv6 address without brackets, such as [::1]:9092 has them",
            ),
            (
                "http://a",
                "entry 1 begins with a protocol that Kafka does not have",
            ),
            (
                "://a",
                "entry 1 begins with a protocol that Kafka does not have",
            ),
            ("SSL://", "entry 1 is not host:port"),
        ] {
            assert_eq!(read(text), Err(why.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_protocol_other_than_that_of_the_properties_is_refused() {
        let ssl = BTreeMap::from([(
            "security.protocol".to_owned(),
            Secret::new("ssl".to_owned()),
        )]);
        let message = protocol_mismatch("SSL://a:9092,b", &ssl);
        assert_eq!(message, None);
        assert!(protocol_mismatch("a,PLAINTEXT://b", &ssl).is_some());
        assert!(protocol_mismatch("SSL://a", &BTreeMap::new()).is_some());
        assert_eq!(protocol_mismatch("PLAINTEXT://a", &BTreeMap::new()), None);
    }
}
