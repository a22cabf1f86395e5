//! Secrets of Kafka in rendered manifests: none is in a `ConfigMap`, and none is visible to the elector.

mod sensitive;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::documents::Document;
use e2e::lab::host::TempDir;
use e2e::manifests::render::{Objects, chart, customized, kustomization};
use e2e::manifests::{self, tools};
use regex::Regex;
use serde_json::{Value, json};
use shared::config::{self, Environment, Program};

use self::sensitive::SENSITIVE;

const CONFIG: &str = "klag-exporter-config";
const POD: &str = "/spec/template/spec";

fn environment() -> Environment {
    let env = [
        ("POD_NAME", "pod"),
        ("POD_NAMESPACE", "monitoring"),
        ("KAFKA_USER", "me"),
    ];
    env.into_iter().collect()
}

/// Returns the chart's objects for a cluster with these consumer properties, which are given as JSON.
fn chart_with(properties: &Value, more: &[&str]) -> Result<Objects> {
    let scratch = TempDir::new("values")?;
    let cluster = json!({"name": "production", "bootstrap_servers": "kafka:9092",
        "clusters.consumer_properties": properties});
    let values = json!({"config": {"clusters": [cluster]}});
    let values = scratch.write("values.json", values.to_string())?;
    chart(&[&["--values", &values.display().to_string()], more].concat())
}

/// Returns all objects except Secrets, as text.
fn beside_secrets(objects: &Objects) -> String {
    let others = objects
        .by_name
        .iter()
        .filter(|((kind, _), _)| kind != "Secret");
    others.fold(String::new(), |text, (_, object)| {
        text + &object.to_string()
    })
}

/// Returns the names of properties that `--check` prints unmasked, read from the sources of the library `shared`.
fn shown_by_check() -> Result<Vec<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/config/properties.rs");
    let text = fs::read_to_string(source)?;
    let (_, list) = text.split_once("const PUBLIC").context("no list")?;
    let (list, _) = list.split_once("];").context("no end")?;
    let name = Regex::new(r#""([a-z_.]+)""#)?;
    Ok(name
        .captures_iter(list)
        .map(|it| it[1].to_owned())
        .collect())
}

/// Returns true for a property of the login with tokens or at Amazon MSK, which the configuration takes only with the values of
/// such a login.
fn is_of_tokens(name: &str) -> bool {
    let is_own = name.starts_with("sasl.oauthbearer.") && name != "sasl.oauthbearer.config";
    is_own || name.starts_with("https.") || name.starts_with("aws.")
}

#[test]
fn a_configmap_shows_of_consumer_properties_what_check_shows() -> Result<()> {
    let public = shown_by_check()?;
    ensure!(public.len() > 10, "{public:?}");
    let locations = ["ssl.ca.location", "ssl.key.location", "ssl.location.not"];
    let names = public.iter().map(String::as_str);
    let names: Vec<&str> = names
        .chain(locations)
        .chain(SENSITIVE.iter().copied())
        .collect();
    let canary = |name: &str| format!("canary of {name} here");
    let render = |names: &[&str]| {
        let properties = names
            .iter()
            .map(|name| ((*name).to_owned(), json!(canary(name))));
        chart_with(&Value::Object(properties.collect()), &[])
    };
    let shown = render(&names)?.config()?.to_owned();
    for name in &public {
        ensure!(shown.contains(&canary(name)), "{name}");
    }
    for name in SENSITIVE {
        ensure!(!shown.contains(&canary(name)), "{name}");
    }
    let names: Vec<_> = names
        .into_iter()
        .filter(|name| !is_of_tokens(name))
        .collect();
    let objects = render(&names)?;
    let config = objects.collectors_config()?;
    let loaded = config::parse(&config, "config.toml", Program::Collector, &environment())?;
    let checked = loaded.config.effective(Program::Collector).to_string();
    for name in names {
        let shown = objects.config()?.contains(&canary(name));
        assert_eq!(shown, checked.contains(&canary(name)), "{name}");
    }
    Ok(())
}

#[test]
fn what_is_written_out_goes_into_a_secret_that_only_the_collector_mounts() -> Result<()> {
    let properties = json!({
        "security.protocol": "SASL_SSL",
        "sasl.username": "${KAFKA_USER}",
        "sasl.password": "hunter2 \"quoted\" ${KAFKA_USER}",
        "ssl.key.password": 271_828_182,
        "ssl.key.pem": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": "https://idp/token",
        "sasl.oauthbearer.client.id": "klag-exporter",
        "sasl.oauthbearer.client.secret": "${NOT_SET:-hunter2}",
    });
    let objects = chart_with(&properties, &[])?;
    let elsewhere = beside_secrets(&objects);
    ensure!(
        !elsewhere.contains("hunter2") && !elsewhere.contains("271828182"),
        "{elsewhere}"
    );

    let config = objects.collectors_config()?;
    let loaded = config::parse(&config, "config.toml", Program::Collector, &environment())?;
    let told = &loaded.config.clusters[0].consumer_properties;
    for (name, value) in [
        ("security.protocol", "SASL_SSL"),
        ("sasl.username", "me"),
        ("sasl.password", "hunter2 \"quoted\" me"),
        ("ssl.key.password", "271828182"),
        (
            "ssl.key.pem",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        ),
        ("sasl.oauthbearer.client.secret", "hunter2"),
    ] {
        let told = told.get(name).with_context(|| name.to_owned())?;
        assert_eq!(told.expose(), value, "{name}");
    }
    config::parse(
        objects.config()?,
        "config.toml",
        Program::Elector,
        &environment(),
    )?;

    let pod = objects.at("Deployment", "klag-exporter", POD)?;
    let mounted = |container: &str| pod.pointer(&format!("/{container}/volumeMounts/0"));
    let at =
        |name: &str| json!({"name": name, "mountPath": "/etc/klag-exporter", "readOnly": true});
    assert_eq!(mounted("containers/0"), Some(&at("secret-config")));
    assert_eq!(mounted("initContainers/0"), Some(&at("config")));
    ensure!(!pod["initContainers"].to_string().contains("secret-config"));
    let volumes = pod["volumes"].as_array().context("no volumes")?;
    let volume = |name: &str| volumes.iter().find(|it| it["name"] == name);
    let secret = volume("secret-config").context("no volume")?;
    assert_eq!(secret["secret"]["secretName"], CONFIG);
    assert_eq!(
        volume("config").context("no volume")?["configMap"]["name"],
        CONFIG
    );
    Ok(())
}

#[test]
fn references_need_no_secret_of_the_chart() -> Result<()> {
    let properties = json!({"sasl.username": "${?KAFKA_USER}", "sasl.password": "${KAFKA_PASSWORD}",
        "sasl.mechanism": "PLAIN", "ssl.ca.location": "/etc/kafka/ca.crt", "ssl.key.password": null});
    let objects = chart_with(&properties, &[])?;
    ensure!(objects.get("Secret", CONFIG).is_err());
    let config: toml::Table = objects.config()?.parse()?;
    let properties = &config["clusters"][0]["consumer_properties"];
    assert_eq!(
        properties["sasl.password"].as_str(),
        Some("${KAFKA_PASSWORD}")
    );
    assert_eq!(properties["sasl.username"].as_str(), Some("${?KAFKA_USER}"));
    Ok(())
}

#[test]
fn a_password_that_is_given_anew_replaces_the_pods() -> Result<()> {
    let sum = |password: &str| {
        let objects = chart_with(&json!({"sasl.password": password}), &[])?;
        let place = "/spec/template/metadata/annotations/checksum~1config";
        objects.at("Deployment", "klag-exporter", place).cloned()
    };
    ensure!(sum("one")? != sum("two")?);
    Ok(())
}

#[test]
fn the_chart_keeps_the_collectors_environment_and_files_from_the_elector() -> Result<()> {
    let set = "env[0].name=KAFKA_PASSWORD,env[0].value=hunter2,envFromSecrets[0].name=kafka-secret,\
        customSecretVolumes[0].name=kafka-files,customSecretVolumes[0].secretName=kafka-files,\
        customSecretVolumes[0].mountPath=/etc/kafka";
    let objects = chart(&["--set", set])?;
    let pod = objects.at("Deployment", "klag-exporter", POD)?;
    let (elector, collector) = (&pod["initContainers"][0], &pod["containers"][0]);
    for word in ["hunter2", "kafka-secret", "kafka-files"] {
        ensure!(collector.to_string().contains(word), "{word}: {collector}");
        ensure!(!elector.to_string().contains(word), "{word}: {elector}");
    }
    Ok(())
}

/// Checks the patch that `manifests/README.md` gives to users of kustomize, on each overlay.
#[test]
fn the_patch_of_the_document_gives_the_collector_alone_the_secret() -> Result<()> {
    let readme = Document::Manifests.read()?;
    let patch = Regex::new(r"(?ms)^```yaml\n(patches:\n.*?)^```$")?;
    let patch = patch
        .captures(&readme)
        .context("no patch in the document")?;
    for folder in ["base", "overlays/ready-standbys", "overlays/standalone"] {
        let objects = customized(folder, &[], &patch[1])?;
        let pod = objects.at("Deployment", "klag-exporter", POD)?;
        let wanted = json!([{"secretRef": {"name": "kafka-credentials"}}]);
        assert_eq!(pod["containers"][0]["envFrom"], wanted, "{folder}");
        ensure!(
            !pod["initContainers"]
                .to_string()
                .contains("kafka-credentials")
        );
    }
    Ok(())
}

#[test]
fn the_elector_of_the_base_has_its_name_a_configmap_and_a_token() -> Result<()> {
    let objects = kustomization("base")?;
    let elector = objects.at(
        "Deployment",
        "klag-exporter",
        &format!("{POD}/initContainers/0"),
    )?;
    ensure!(elector.get("envFrom").is_none());
    let names = |list: &Value| -> Vec<Value> {
        let list = list.as_array().into_iter().flatten();
        list.map(|it| it["name"].clone()).collect()
    };
    assert_eq!(
        names(&elector["env"]),
        ["POD_NAME", "POD_NAMESPACE", "POD_UID"]
    );
    assert_eq!(names(&elector["volumeMounts"]), ["config", "token"]);
    Ok(())
}

#[test]
fn helm_takes_values_with_secrets_without_a_complaint_and_without_showing_them() -> Result<()> {
    let scratch = TempDir::new("values")?;
    let mut values = String::from("config:\n  clusters:\n");
    for name in ["one", "two"] {
        writeln!(
            values,
            "    - name: {name}\n      bootstrap_servers: kafka:9092\n      consumer_properties:\n        \
             sasl.password: hunter2"
        )?;
    }
    let values = scratch.write("values.yaml", values)?.display().to_string();
    let dir = manifests::root()
        .join("helm/klag-exporter")
        .display()
        .to_string();
    let version = manifests::KUBE_VERSION;
    let args = [
        "lint",
        "--strict",
        &dir,
        "--kube-version",
        version,
        "--values",
        &values,
    ];
    let said = tools::run("helm", &args)?;
    ensure!(
        !said.contains("[WARNING]") && !said.contains("[ERROR]"),
        "{said}"
    );
    ensure!(!said.contains("hunter2"), "{said}");
    Ok(())
}
