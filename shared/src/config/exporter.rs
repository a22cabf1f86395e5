//! The table `[exporter]` and those below it.

use std::net::SocketAddr;
use std::time::Duration;

use super::model::{
    Compatibility, ConsumerRequirement, Election, ElectorServer, Exporter, ExtraLabels,
    Granularity, Leadership, LostPartitions, Performance, TimeLagMode,
};
use super::section::Section;
use super::values;
use super::walk::{Place, Walk};

/// Reads `[exporter]` of the file.
pub(super) fn read(walk: &mut Walk<'_>, file: &Place<'_>) -> Exporter {
    let place = walk.below(file, "exporter");
    let time_lag = time_lag(walk, &place);
    let performance = performance(walk, &place);
    otel(walk, &place);
    let compatibility = compatibility(walk, &place);
    let (leadership, handover_delay, elector_server) = leadership(walk, &place);

    let mut section = walk.section("exporter", place);
    let poll_interval = section.duration("poll_interval");
    let staleness = section.optional("staleness_threshold", values::duration);
    let host = section.required("http_host", values::host);
    let port = section.required("http_port", values::port);
    Exporter {
        poll_interval,
        http: SocketAddr::new(host, port),
        granularity: match section.choice("granularity") {
            "partition" => Granularity::Partition,
            _ => Granularity::Topic,
        },
        staleness_threshold: staleness.unwrap_or(poll_interval * 3),
        time_lag,
        performance,
        compatibility,
        leadership,
        handover_delay,
        elector_server,
    }
}

fn otel(walk: &mut Walk<'_>, exporter: &Place<'_>) {
    let place = walk.below(exporter, "otel");
    let mut section = walk.section("exporter.otel", place);
    if section.switch("enabled") {
        let message = "OTLP export is not there yet; write false, and let an OpenTelemetry \
                       Collector's Prometheus receiver scrape /metrics";
        section.note("enabled", message.to_owned());
    }
}

fn time_lag(walk: &mut Walk<'_>, exporter: &Place<'_>) -> TimeLagMode {
    let place = walk.below(exporter, "timestamp_sampling");
    let mut section = walk.section("exporter.timestamp_sampling", place);
    let enabled = section.switch("enabled");
    let mode = section.choice("mode");
    let timeout = section.duration("fetch_timeout");
    let skip = section.switch("skip_data_loss_partitions");
    let max_clock_skew = section.duration("max_clock_skew");
    let max_age = section.duration("rate_history_max_age");
    // klag-exporter looks only at the keys of the mode that is on; so do these checks.
    if !enabled || mode != "rate" {
        section.optional("rate_history_samples", values::idle);
    }
    match mode {
        _ if !enabled => TimeLagMode::Off,
        "rate" => {
            let samples = section.whole("rate_history_samples");
            if max_age.is_zero() {
                let message = "write a duration above zero, such as \"10m\"";
                section.note("rate_history_max_age", message.to_owned());
            }
            TimeLagMode::Rate {
                samples: samples.try_into().unwrap_or(usize::MAX),
                max_age,
            }
        }
        _ => {
            if timeout.as_millis() == 0 {
                let message = "write a duration of 1ms or more, such as \"5s\"";
                section.note("fetch_timeout", message.to_owned());
            }
            TimeLagMode::Message {
                timeout,
                lost: if skip {
                    LostPartitions::Skip
                } else {
                    LostPartitions::Read
                },
                max_clock_skew,
            }
        }
    }
}

fn performance(walk: &mut Walk<'_>, exporter: &Place<'_>) -> Performance {
    let place = walk.below(exporter, "performance");
    let mut section = walk.section("exporter.performance", place);
    Performance {
        request_timeout: section.duration("kafka_timeout"),
        offset_fetch_timeout: section.duration("offset_fetch_timeout"),
        metadata_ttl: section.duration("metadata_cache_ttl"),
        compaction_ttl: section.duration("compacted_topics_cache_ttl"),
    }
}

fn compatibility(walk: &mut Walk<'_>, exporter: &Place<'_>) -> Compatibility {
    let place = walk.below(exporter, "compatibility");
    let mut section = walk.section("exporter.compatibility", place);
    let mut labels = |name| {
        if section.switch(name) {
            ExtraLabels::Present
        } else {
            ExtraLabels::Absent
        }
    };
    Compatibility {
        state_labels: labels("state_labels"),
        member_labels: labels("member_labels"),
    }
}

/// Also what of the table has effect without an election: how long the preStop hook is held, and where the elector serves.
fn leadership(walk: &mut Walk<'_>, exporter: &Place<'_>) -> (Leadership, Duration, ElectorServer) {
    let place = walk.below(exporter, "leadership");
    let mut section = walk.section("exporter.leadership", place);
    let enabled = section.switch("enabled");
    let handover_delay = section.seconds("handover_delay_secs");
    if !enabled {
        section.leave_references();
        election(&mut section, String::new());
        return (
            Leadership::SingleInstance,
            handover_delay,
            elector_server(&mut section),
        );
    }
    let identity = identity(&mut section);
    let election = election(&mut section, identity);
    if election.grace_period >= election.lease_duration {
        let lease = election.lease_duration.as_secs();
        let message = format!("write less than lease_duration_secs, which is {lease}");
        section.note("grace_period_secs", message);
    }
    let elector_server = elector_server(&mut section);
    (
        Leadership::Elected(Box::new(election)),
        handover_delay,
        elector_server,
    )
}

/// Who else reaches the address at which the elector grants leadership, which is meant for its own pod.
pub(super) fn open_listener_warning(exporter: &Exporter) -> Option<String> {
    let ElectorServer { listen, .. } = exporter.elector_server;
    let elected = matches!(exporter.leadership, Leadership::Elected(_));
    (elected && !listen.ip().to_canonical().is_loopback()).then(|| {
        format!(
            "exporter.leadership.listen: {listen} is no loopback address: whoever reaches it and knows this pod's \
             name is granted leadership in place of this pod's collector; write 127.0.0.1:{}, and telemetry_listen \
             for probes and scrapes",
            listen.port()
        )
    })
}

fn elector_server(section: &mut Section<'_, '_>) -> ElectorServer {
    ElectorServer {
        listen: section.required("listen", values::address),
        telemetry_listen: section.optional("telemetry_listen", values::address),
        max_valid: section.seconds("max_valid_secs"),
    }
}

fn election(section: &mut Section<'_, '_>, identity: String) -> Election {
    // There is one provider only: reading it is checking it.
    section.choice("provider");
    Election {
        identity,
        lease_duration: section.seconds("lease_duration_secs"),
        grace_period: section.seconds("grace_period_secs"),
        lease_name: section.required("lease_name", values::dns_name),
        lease_namespace: section.required("lease_namespace", values::dns_label),
        consumer: if section.switch("require_consumer") {
            ConsumerRequirement::Required
        } else {
            ConsumerRequirement::NotRequired
        },
        url: section.required("url", values::url),
        max_staleness: section.seconds("max_staleness_secs"),
    }
}

/// The file's identity, else that of the pod, else that of the machine.
fn identity(section: &mut Section<'_, '_>) -> String {
    let before = section.n_problems();
    if let Some(identity) = section.optional("identity", values::name) {
        return identity;
    }
    for variable in ["POD_NAME", "HOSTNAME"] {
        match section.variable(variable) {
            Ok(Some(identity)) if !identity.is_empty() => return identity.to_owned(),
            Ok(_) => {}
            Err(message) => section.note("identity", message),
        }
    }
    if section.n_problems() == before {
        let message = "nobody says who this pod is; set POD_NAME to the pod's name (downward API, \
                       metadata.name), or write identity";
        section.note("identity", message.to_owned());
    }
    String::new()
}
