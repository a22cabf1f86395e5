//! A Kafka that tells users apart by their certificates, and the files with which a collector logs in.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use e2e::lab::certificates::{Authority, Issued};
use e2e::lab::host::TempDir;
use e2e::lab::kafka::Plan;
use e2e::lab::kafka_tools::Tool;
use e2e::lab::secret_volume::SecretVolume;
use e2e::lab::{self, Config, Kafka};

use crate::security::{MINUTE, SCALE};

/// The certificate and the key of a user, with the authority that has issued them.
#[derive(Clone, Debug)]
pub(super) struct Generation {
    /// The user as the broker calls it, without `User:`.
    pub(super) user: String,
    pub(super) authority: String,
    pub(super) issued: Issued,
}

/// The Kafka, and the files of a collector.
#[derive(Debug)]
pub(super) struct World {
    pub(super) kafka: Kafka,
    pub(super) volume: SecretVolume,
    pub(super) generations: Vec<Generation>,
    /// The certificates of the authorities by which the collector may recognise the broker.
    broker_authorities: Vec<String>,
    /// The next authority of the broker.
    next_authority: Option<Authority>,
    n_stores: usize,
    files: TempDir,
}

// === impl Generation ===

impl Generation {
    /// Makes a certificate of the user `monitor-N`, and an authority for it.
    pub(super) fn make(n: usize) -> Result<Self> {
        let authority = Authority::named(&format!("clients {n}"))?;
        let name = format!("monitor-{n}");
        Ok(Self {
            user: format!("CN={name}"),
            authority: authority.pem(),
            issued: authority.issue(&name, &[])?,
        })
    }
}

// === impl World ===

impl World {
    /// Starts a Kafka that knows the users of `n` generations, with the fixture [`SCALE`]. The files are those of generation 0.
    pub(super) fn start(n: usize) -> Result<Self> {
        let files = TempDir::new("rotation")?;
        let generations: Result<Vec<_>> = (0..n).map(Generation::make).collect();
        let generations = generations?;
        let authority = Authority::named("brokers 0")?;
        let keys = files.write("keys-0.pem", broker_keys(&authority)?)?;
        let trusted: String = generations.iter().map(|it| it.authority.as_str()).collect();
        let trusted = files.write("trusted-0.pem", trusted)?;
        let mut plan = Plan::of(1).secured();
        // A user is the whole name in a certificate, which differs from generation to generation.
        write!(
            plan.extra,
            "ssl.principal.mapping.rules=DEFAULT\nssl.keystore.location={}\nssl.truststore.location={}\n",
            keys.display(),
            trusted.display()
        )?;
        // The broker logs a line with the user for each request.
        plan.jvm
            .push("-Dorg.slf4j.simpleLogger.log.kafka.request.logger=debug".to_owned());
        let kafka = Kafka::start(&plan)?;
        SCALE.build(&kafka)?;
        let rights = [
            "GROUP * DESCRIBE",
            "TOPIC * DESCRIBE",
            "TOPIC * READ",
            "TOPIC * DESCRIBE_CONFIGS",
        ];
        let of_user =
            |it: &Generation| rights.map(|right| format!("{} {right}", it.user)).join(" ");
        let words: Vec<_> = generations.iter().map(of_user).collect();
        let words = words.join(" ");
        kafka.fixture("allow", &words.split(' ').collect::<Vec<_>>())?;
        let broker_authorities = vec![authority.pem()];
        let contents = contents(&broker_authorities, &generations[0]);
        let volume = SecretVolume::new(&files, "volume", &contents)?;
        Ok(Self {
            kafka,
            volume,
            generations,
            broker_authorities,
            next_authority: None,
            n_stores: 1,
            files,
        })
    }

    /// The configuration of a collector that uses the files.
    pub(super) fn config(&self) -> Config {
        let file = |name| self.volume.file(name).display().to_string();
        Config::of(&self.kafka.bootstrap_tls())
            .every(std::time::Duration::from_millis(500))
            .read_committed()
            .property("security.protocol", "SSL")
            .property("ssl.ca.location", &file("ca.crt"))
            .property("ssl.certificate.location", &file("tls.crt"))
            .property("ssl.key.location", &file("tls.key"))
    }

    /// Replaces all files at once.
    pub(super) fn put(&mut self, generation: &Generation) -> Result<()> {
        let contents = contents(&self.broker_authorities, generation);
        self.volume.swap(&contents)
    }

    /// Adds the next authority of the broker to those that the next files have.
    pub(super) fn announce_authority(&mut self) -> Result<()> {
        let authority = Authority::named(&format!("brokers {}", self.n_stores))?;
        self.broker_authorities.push(authority.pem());
        self.next_authority = Some(authority);
        Ok(())
    }

    /// Gives the broker a certificate by the authority that was announced. The next files have this authority alone.
    pub(super) fn renew_broker(&mut self) -> Result<()> {
        let authority = self.next_authority.take().context("none was announced")?;
        self.set_store("keystore", broker_keys(&authority)?)?;
        self.broker_authorities = vec![authority.pem()];
        Ok(())
    }

    /// Makes the broker trust the authority of one generation alone, on new connections.
    pub(super) fn trust_alone(&mut self, generation: &Generation) -> Result<()> {
        self.set_store("truststore", generation.authority.clone())
    }

    /// Replaces a store of the broker's listener with TLS, without a restart.
    fn set_store(&mut self, store: &str, content: String) -> Result<()> {
        let name = format!("{store}-{}.pem", self.n_stores);
        self.n_stores += 1;
        let path = self.files.write(&name, content)?;
        let prefix = format!("listener.name.ssl.ssl.{store}");
        let change = format!("{prefix}.location={},{prefix}.type=PEM", path.display());
        let broker = ["--entity-type", "brokers", "--entity-name", "1"];
        let args = [&["--alter"], &broker[..], &["--add-config", &change]].concat();
        self.kafka.tool(Tool::Configs, &args)?;
        Ok(())
    }

    /// Waits until the broker has answered a request of this kind to this user, as its log says.
    pub(super) fn wait_for_request(&self, user: &str, kind: &str) -> Result<()> {
        let (user, kind) = (
            format!("\"principal\":\"User:{user}\""),
            format!("\"{kind}\""),
        );
        lab::wait_for(&user, MINUTE, || {
            let log = self.kafka.log(1)?;
            let is_there = log
                .lines()
                .any(|line| line.contains(&user) && line.contains(&kind));
            ensure!(is_there, "no such request");
            Ok(())
        })
    }
}

/// A key and a certificate of the broker. All of its certificates are for the same names, as the broker demands.
fn broker_keys(authority: &Authority) -> Result<String> {
    let Issued { certificate, key } = authority.issue("broker", &["127.0.0.1", "localhost"])?;
    Ok(key + &certificate)
}

/// The names and contents of a collector's files.
fn contents(broker_authorities: &[String], generation: &Generation) -> [(&'static str, String); 3] {
    [
        // The authority of the user's certificate is of no use here. With it the file changes in each generation.
        (
            "ca.crt",
            broker_authorities.concat() + &generation.authority,
        ),
        ("tls.crt", generation.issued.certificate.clone()),
        ("tls.key", generation.issued.key.clone()),
    ]
}
