//! The table `[exporter.timestamp_sampling]`: the way in which time lag is found.

use std::fmt;
use std::time::Duration;

use crate::config::context::{ReadContext, TableRef};
use crate::config::form::Scalar as _;
use crate::config::forms::{BOOLEAN, Choice, Durations, RETENTION, Switch, WholeNumbers};
use crate::config::key::DefaultValue::Toml;
use crate::config::key::{Key, Table};
use crate::config::program::UsedBy::Collector;
use crate::config::table_reader::TableReader;

/// The way in which time lag is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLagMode {
    /// No family of time lag is exported.
    Off,
    /// The first record that the group has not read is read, and its age is the time lag.
    Message {
        /// The time limit of the reading phase of one collection.
        timeout: Duration,
        /// The treatment of partitions from which retention has removed the first record that the group has not read.
        lost: LostPartitions,
        /// The time by which a record may be dated ahead of this machine's clock and still count as written just now.
        max_clock_skew: Duration,
    },
    /// The time lag is interpolated in the observed history of the high watermark.
    Rate {
        /// The number of observations that are kept for each partition, at least two.
        samples: usize,
        /// The age at which an observation is dropped.
        max_age: Duration,
    },
}

/// The treatment of a partition whose committed offset lies below the log start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostPartitions {
    /// The record at the log start is read, whose age is a lower bound of the time lag.
    Read,
    /// No record is read, and the partition has no sample of time lag.
    Skip,
}

/// The words that the key `mode` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Message,
    Rate,
}

static ENABLED: Key<Switch<bool>> = Key {
    name: "enabled",
    form: BOOLEAN,
    default: Toml("true"),
    used_by: Collector,
    meaning: "whether time lag is exported",
};

static MODE: Key<Choice<Mode>> = Key {
    name: "mode",
    form: Choice(&[("message", Mode::Message), ("rate", Mode::Rate)]),
    default: Toml("\"message\""),
    used_by: Collector,
    meaning: "read the first unread record, or interpolate in the history of the high watermark",
};

static FETCH_TIMEOUT: Key<Durations> = Key {
    name: "fetch_timeout",
    form: RETENTION,
    default: Toml("\"5s\""),
    used_by: Collector,
    meaning: "`message`: bound of the reading phase of one collection",
};

static SKIP_DATA_LOSS_PARTITIONS: Key<Switch<LostPartitions>> = Key {
    name: "skip_data_loss_partitions",
    form: Switch {
        on: LostPartitions::Skip,
        off: LostPartitions::Read,
    },
    default: Toml("false"),
    used_by: Collector,
    meaning: "`message`: no time lag where retention has removed the record, instead of a lower bound",
};

static MAX_CLOCK_SKEW: Key<Durations> = Key {
    name: "max_clock_skew",
    form: RETENTION,
    default: Toml("\"1m\""),
    used_by: Collector,
    meaning: "`message`: how far ahead of this clock a record may be dated; farther ahead its age is unknown",
};

static RATE_HISTORY_SAMPLES: Key<WholeNumbers> = Key {
    name: "rate_history_samples",
    form: WholeNumbers::between(2, 100_000),
    default: Toml("5"),
    used_by: Collector,
    meaning: "`rate`: observations kept for each partition, at least 2",
};

static RATE_HISTORY_MAX_AGE: Key<Durations> = Key {
    name: "rate_history_max_age",
    form: RETENTION,
    default: Toml("\"10m\""),
    used_by: Collector,
    meaning: "`rate`: age at which an observation is dropped",
};

pub(crate) static TABLE: Table = Table {
    name: "exporter.timestamp_sampling",
    keys: &[
        &ENABLED,
        &MODE,
        &FETCH_TIMEOUT,
        &SKIP_DATA_LOSS_PARTITIONS,
        &MAX_CLOCK_SKEW,
        &RATE_HISTORY_SAMPLES,
        &RATE_HISTORY_MAX_AGE,
        &Key::ignored(
            "cache_ttl",
            "\"60s\"",
            "what was read is kept until the commit moves",
        ),
        &Key::ignored(
            "max_concurrent_fetches",
            "5",
            "all partitions are read at once",
        ),
        &Key::ignored(
            "rate_min_msgs_per_sec",
            "0.01",
            "interpolation needs no rate",
        ),
    ],
};

/// Reads `[exporter.timestamp_sampling]`. A value that a mode cannot work with, such as a zero timeout, is a problem only where
/// that mode is on, as in klag-exporter.
pub(crate) fn read(context: &mut ReadContext<'_>, exporter: &TableRef<'_>) -> TimeLagMode {
    let table = exporter.below(context, "timestamp_sampling");
    let mut reader = TableReader::new(context, &TABLE, table);
    let is_enabled = reader.read(&ENABLED);
    let mode = reader.read(&MODE);
    let timeout = reader.read(&FETCH_TIMEOUT);
    let lost = reader.read(&SKIP_DATA_LOSS_PARTITIONS);
    let max_clock_skew = reader.read(&MAX_CLOCK_SKEW);
    let max_age = reader.read(&RATE_HISTORY_MAX_AGE);
    if !is_enabled || mode == Mode::Message {
        let any = WholeNumbers::between(0, u32::MAX);
        reader.read_as(&RATE_HISTORY_SAMPLES, |value| any.read(value));
    }
    match mode {
        _ if !is_enabled => TimeLagMode::Off,
        Mode::Rate => {
            let samples = reader.read(&RATE_HISTORY_SAMPLES);
            if max_age.is_zero() {
                let message = "write a duration above zero, such as \"10m\"";
                reader.add_problem(RATE_HISTORY_MAX_AGE.name, message.to_owned());
            }
            TimeLagMode::Rate {
                samples: samples.try_into().unwrap_or(usize::MAX),
                max_age,
            }
        }
        Mode::Message => {
            if timeout.as_millis() == 0 {
                let message = "write a duration of 1ms or more, such as \"5s\"";
                reader.add_problem(FETCH_TIMEOUT.name, message.to_owned());
            }
            TimeLagMode::Message {
                timeout,
                lost,
                max_clock_skew,
            }
        }
    }
}

/// Writes the keys of `[exporter.timestamp_sampling]` that have an effect in the mode that is on.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, time_lag: TimeLagMode) -> fmt::Result {
    writeln!(f, "{}", TABLE.header())?;
    ENABLED.write(f, &(time_lag != TimeLagMode::Off))?;
    match time_lag {
        TimeLagMode::Off => Ok(()),
        TimeLagMode::Message {
            timeout,
            lost,
            max_clock_skew,
        } => {
            MODE.write(f, &Mode::Message)?;
            FETCH_TIMEOUT.write(f, &timeout)?;
            SKIP_DATA_LOSS_PARTITIONS.write(f, &lost)?;
            MAX_CLOCK_SKEW.write(f, &max_clock_skew)
        }
        TimeLagMode::Rate { samples, max_age } => {
            MODE.write(f, &Mode::Rate)?;
            let samples = u32::try_from(samples).unwrap_or(u32::MAX);
            RATE_HISTORY_SAMPLES.write(f, &samples)?;
            RATE_HISTORY_MAX_AGE.write(f, &max_age)
        }
    }
}
