//! Apache Kafka with the demo's writers and readers, which are clients of librdkafka.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::time::{Instant, sleep};

use super::scenario::{Budget, Meter, READERS, Reader, TOPICS};
use crate::lab;
use crate::lab::kafka::{Plan, Version};

/// The time that members have to leave their groups at the end. Without a broker they would wait for ever.
const LEAVE_LIMIT: Duration = Duration::from_millis(400);

/// One broker with its writers and readers.
#[derive(Debug)]
pub(super) struct RealKafka {
    members: Vec<RealMember>,
    writer: Writer,
    kafka: lab::Kafka,
}

struct Writer {
    producer: BaseProducer,
    meters: [Meter; TOPICS.len()],
}

#[derive(Debug)]
struct RealMember {
    reader: Reader,
    n_read: u64,
    presence: ConsumerPresence,
}

enum ConsumerPresence {
    Here(BaseConsumer),
    Left,
}

// === impl RealKafka ===

impl RealKafka {
    /// Starts the broker; blocks for some seconds.
    pub(super) fn launch() -> Result<lab::Kafka> {
        lab::Kafka::start(&Plan::of(1))
    }

    /// Creates the topics and lets the readers join.
    pub(super) async fn open(kafka: lab::Kafka) -> Result<Self> {
        let bootstrap = kafka.bootstrap();
        create_topics(&bootstrap).await?;
        let mut members = Vec::new();
        for reader in READERS {
            members.push(RealMember::join(&bootstrap, reader)?);
        }
        let producer = config(&bootstrap).set("linger.ms", "50").create()?;
        let meters = [Meter::default(); TOPICS.len()];
        Ok(Self {
            members,
            writer: Writer { producer, meters },
            kafka,
        })
    }

    /// Returns the version of the broker.
    pub(super) fn version(&self) -> Version {
        self.kafka.version()
    }

    /// Returns the brokers' addresses in the form of `bootstrap.servers`.
    pub(super) fn bootstrap(&self) -> String {
        self.kafka.bootstrap()
    }

    /// Writes and reads the records that are due at `elapsed`.
    pub(super) fn step(&mut self, elapsed: Duration) -> Result<()> {
        self.writer.step(elapsed)?;
        self.members
            .iter_mut()
            .try_for_each(|member| member.step(elapsed))
    }

    /// Ends Kafka: lets the members leave while the broker still runs, then kills the broker.
    pub(super) async fn stop(self) {
        let Self {
            members,
            writer,
            kafka,
        } = self;
        // The thread is not one of the runtime's: leaving may block, and the runtime would wait for its end.
        let leaving = thread::spawn(move || drop((members, writer)));
        let until = Instant::now() + LEAVE_LIMIT;
        while !leaving.is_finished() && Instant::now() < until {
            sleep(Duration::from_millis(5)).await;
        }
        drop(kafka);
    }
}

async fn create_topics(bootstrap: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config(bootstrap).create()?;
    let topics = TOPICS
        .map(|topic| NewTopic::new(topic.name, topic.n_partitions, TopicReplication::Fixed(1)));
    for created in admin.create_topics(&topics, &AdminOptions::new()).await? {
        if let Err((topic, code)) = created {
            bail!("cannot create {topic}: {code}");
        }
    }
    Ok(())
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

// === impl Writer ===

impl Writer {
    fn step(&mut self, elapsed: Duration) -> Result<()> {
        for (topic, meter) in TOPICS.iter().zip(&mut self.meters) {
            for n in meter.due(topic.per_second, elapsed) {
                let payload = format!("{} {n}", topic.name);
                let record = BaseRecord::<(), _>::to(topic.name)
                    .partition(topic.partition(n))
                    .payload(&payload);
                let sent = self.producer.send(record);
                sent.map_err(|(error, _)| error)
                    .with_context(|| format!("cannot write to {}", topic.name))?;
            }
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n_in_flight = self.producer.in_flight_count();
        f.debug_struct("Writer")
            .field("n_in_flight", &n_in_flight)
            .finish_non_exhaustive()
    }
}

// === impl RealMember ===

impl RealMember {
    fn join(bootstrap: &str, reader: Reader) -> Result<Self> {
        let consumer: BaseConsumer = config(bootstrap)
            .set("group.id", reader.group)
            .set("client.id", format!("{}-1", reader.group))
            .set("auto.offset.reset", "earliest")
            .set("auto.commit.interval.ms", "1000")
            .create()?;
        consumer.subscribe(&[reader.topic.name])?;
        Ok(Self {
            reader,
            n_read: 0,
            presence: ConsumerPresence::Here(consumer),
        })
    }

    fn step(&mut self, elapsed: Duration) -> Result<()> {
        let ConsumerPresence::Here(consumer) = &self.presence else {
            return Ok(());
        };
        match self.reader.read_rate.budget(elapsed, self.n_read) {
            Budget::Read(most) => {
                for _ in 0..most {
                    let Some(polled) = consumer.poll(Duration::ZERO) else {
                        break;
                    };
                    polled.with_context(|| format!("{} cannot read", self.reader.group))?;
                    self.n_read += 1;
                }
            }
            // Dropping a consumer commits, leaves the group, and waits for the broker, which would block this step.
            Budget::Leave => {
                let left = std::mem::replace(&mut self.presence, ConsumerPresence::Left);
                thread::spawn(move || drop(left));
            }
        }
        Ok(())
    }
}

// === impl ConsumerPresence ===

impl std::fmt::Debug for ConsumerPresence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::Left => "Left",
        })
    }
}
