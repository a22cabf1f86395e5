//! Kafka, through librdkafka: the only importer of it, and the only place that blocks.

mod code;
mod native;
mod records;
