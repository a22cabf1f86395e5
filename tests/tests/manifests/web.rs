//! Renderings of the chart and of kustomize with a web configuration.

use anyhow::{Context, Result, ensure};
use e2e::manifests::render::{Objects, chart, composition};
use serde_json::{Value, json};
use shared::config::{self, Environment, Program};

const SET: &str = "web.secretName=klag-exporter-web,web.scheme=https,serviceMonitor.enabled=true,\
                   serviceMonitor.additionalEndpointConfig.tlsConfig.serverName=klag";

fn pod(objects: &Objects) -> Result<&Value> {
    objects.at("Deployment", "klag-exporter", "/spec/template/spec")
}

/// Returns the containers of the pod: the elector and the collector.
fn containers(objects: &Objects) -> Result<[&Value; 2]> {
    let pod = pod(objects)?;
    Ok([&pod["initContainers"][0], &pod["containers"][0]])
}

fn closed() -> Result<[Objects; 2]> {
    Ok([
        chart(&["--set", SET])?,
        composition("overlays/ready-standbys", &["web-config"])?,
    ])
}

#[test]
fn both_containers_mount_the_secret_and_probes_stay_as_they_are() -> Result<()> {
    let open = chart(&[])?;
    for objects in closed()? {
        for (container, before) in containers(&objects)?.into_iter().zip(containers(&open)?) {
            let mounts = container["volumeMounts"].as_array().context("no mounts")?;
            let wanted =
                json!({"name": "web", "mountPath": "/etc/klag-exporter-web", "readOnly": true});
            ensure!(mounts.contains(&wanted), "{mounts:?}");
            for probe in [
                "startupProbe",
                "livenessProbe",
                "readinessProbe",
                "lifecycle",
                "ports",
            ] {
                assert_eq!(container[probe], before[probe], "{probe}");
            }
        }
        let volumes = pod(&objects)?["volumes"].as_array().context("no volumes")?;
        let wanted = json!({"name": "web", "secret": {"secretName": "klag-exporter-web"}});
        ensure!(volumes.contains(&wanted), "{volumes:?}");
    }
    Ok(())
}

#[test]
fn the_configuration_of_the_chart_names_the_file_for_both_programs() -> Result<()> {
    let env: Environment = [("POD_NAME", "pod"), ("POD_NAMESPACE", "monitoring")]
        .into_iter()
        .collect();
    for (set, file) in [
        ("web.secretName=x", "/etc/klag-exporter-web/web.config.yml"),
        (
            r"web.secretName=x,config.exporter\.web.config_file=/web.yml",
            "/web.yml",
        ),
    ] {
        let objects = chart(&["--set", set])?;
        for program in [Program::Collector, Program::Elector] {
            let loaded = config::parse(objects.config()?, "config.toml", program, &env)?;
            let named = loaded.config.exporter.web_config_file.context("no file")?;
            assert_eq!(named.to_str(), Some(file));
        }
    }
    Ok(())
}

#[test]
fn monitors_scrape_by_https_where_the_values_say_so() -> Result<()> {
    let objects = chart(&["--set", SET])?;
    for monitor in ["klag-exporter", "klag-exporter-telemetry"] {
        let endpoints = objects.at("ServiceMonitor", monitor, "/spec/endpoints")?;
        for endpoint in endpoints.as_array().context("no endpoints")? {
            assert_eq!(endpoint["scheme"], "https");
            assert_eq!(endpoint["tlsConfig"]["serverName"], "klag");
        }
    }
    let objects = chart(&["--set", "serviceMonitor.enabled=true"])?;
    let scheme = objects.at(
        "ServiceMonitor",
        "klag-exporter",
        "/spec/endpoints/0/scheme",
    );
    ensure!(scheme.is_err());
    Ok(())
}
