//! The tests of the collector with Apache Kafka. They need Java, the jars that `tests/kafka/get-jars` fetches, and openssl.

mod documented_logins;
mod every_value;
mod fixture_listeners;
mod fixture_situations;
mod members;
mod rotation;
mod security;
mod shutdown;
mod standin_answers;
mod three_brokers;
mod time_lag;
mod tokens;
mod uncommitted;
