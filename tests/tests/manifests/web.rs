//! Renderings of the chart and of kustomize with a web configuration.

use anyhow::{Context, Result, ensure};
use e2e::documents::Document;
use e2e::lab::host::TempDir;
use e2e::manifests::render::{Objects, chart, composition, customized};
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

/// Checks the examples of the document for a certificate in a Secret of its own.
#[test]
fn both_containers_can_mount_another_secret() -> Result<()> {
    let readme = Document::Manifests.read()?;
    let example = |begin: &str| {
        let mut blocks = readme.split("```yaml\n").skip(1);
        let block = blocks.find(|block| block.starts_with(begin));
        let block = block.and_then(|block| block.split("```").next());
        block.with_context(|| format!("no {begin:?}"))
    };
    let scratch = TempDir::new("another-secret")?;
    let values = scratch.write("values.yaml", example("customSecretVolumes: &")?)?;
    let of_chart = chart(&["--values", &values.display().to_string()])?;
    let of_kustomize = customized("base", &[], example("patches:\n  - patch")?)?;
    for objects in [of_chart, of_kustomize] {
        let wanted =
            json!({"name": "endpoints", "mountPath": "/etc/klag-exporter-tls", "readOnly": true});
        for container in containers(&objects)? {
            let mounts = container["volumeMounts"].as_array().context("no mounts")?;
            ensure!(mounts.contains(&wanted), "{mounts:?}");
        }
        let volumes = pod(&objects)?["volumes"].as_array().context("no volumes")?;
        let wanted = json!({"name": "endpoints", "secret": {"secretName": "klag-exporter-tls"}});
        let n_volumes = volumes.iter().filter(|volume| **volume == wanted).count();
        assert_eq!(n_volumes, 1, "{volumes:?}");
    }
    Ok(())
}

#[test]
fn a_secret_of_the_elector_alone_is_not_the_collectors() -> Result<()> {
    let volume = |list: &str, secret: &str| {
        format!(
            "{list}[0].name=x,{list}[0].secretName={secret},{list}[0].mountPath=/x,{list}[0].items[0].key=a,{list}[0].items[0].path=b"
        )
    };
    let (own, all) = ("elector.customSecretVolumes", "customSecretVolumes");
    let objects = chart(&["--set", &volume(own, "hunter2")])?;
    let [elector, collector] = containers(&objects)?;
    ensure!(elector["volumeMounts"].to_string().contains("\"/x\""));
    ensure!(!collector["volumeMounts"].to_string().contains("\"/x\""));
    let volumes = pod(&objects)?["volumes"].to_string();
    ensure!(volumes.contains("hunter2"), "{volumes}");

    let alone = "config.exporter\\.leadership.enabled=false,replicaCount=1";
    let objects = chart(&["--set", &volume(own, "hunter2"), "--set", alone])?;
    ensure!(!pod(&objects)?.to_string().contains("hunter2"));

    let same_name = ["--set", &volume(own, "one"), "--set", &volume(all, "two")];
    let error = format!("{:#}", chart(&same_name).err().context("it is taken")?);
    ensure!(error.contains("write another name"), "{error}");
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
