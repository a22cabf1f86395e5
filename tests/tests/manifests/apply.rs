//! The manifests applied to a real API server, in a namespace that enforces the restricted Pod Security Standard.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::host::TempDir;
use e2e::lab::kubernetes::Kube;
use e2e::lab::{self, ControlPlane, process};
use e2e::manifests::render::{Objects, chart, composition, kustomization};
use e2e::manifests::{self, tools};
use serde_json::json;

const MONITORING: &str = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring", "labels": {
  "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
  "pod-security.kubernetes.io/audit": "restricted"}}}"#;

struct World {
    plane: ControlPlane,
    scratch: TempDir,
}

// === impl World ===

impl World {
    /// Starts a control plane, and creates prometheus-operator's definitions and the namespace.
    fn start() -> Result<Self> {
        let world = Self {
            plane: ControlPlane::start()?,
            scratch: TempDir::new("apply")?,
        };
        let crds = tools::path("crds")?.display().to_string();
        world.kubectl(&["apply", "--server-side", "-f", &crds])?;
        world.kubectl(&["wait", "--for=condition=Established", "crd", "--all"])?;
        let namespace = world.write("namespace.json", MONITORING)?;
        world.kubectl(&["apply", "--server-side", "-f", &namespace])?;
        Ok(world)
    }

    fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.plane.kube().kubectl(args)
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        Ok(self.scratch.write(name, text)?.display().to_string())
    }

    /// Applies the objects twice and deletes them; fails if the API server warns.
    fn apply(&self, name: &str, objects: &Objects) -> Result<()> {
        let file = self.write("objects.yaml", &objects.text)?;
        let apply = [
            "apply",
            "--server-side",
            "--warnings-as-errors",
            "-f",
            &file,
        ];
        self.kubectl(&apply).with_context(|| name.to_owned())?;
        self.admit_a_pod(objects).with_context(|| name.to_owned())?;
        // The second time the objects exist already, as in every later deployment.
        self.kubectl(&apply).with_context(|| name.to_owned())?;
        self.kubectl(&["delete", "-f", &file])?;
        Ok(())
    }

    /// Creates a pod from the Deployment's template, as a dry run: the standard is enforced on pods, not on Deployments, and this
    /// control plane creates no pods.
    fn admit_a_pod(&self, objects: &Objects) -> Result<()> {
        let template = objects.at("Deployment", "klag-exporter", "/spec/template")?;
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
            "metadata": {"name": "one", "namespace": "monitoring", "labels": template["metadata"]["labels"]},
        });
        let file = self.write("pod.json", &pod.to_string())?;
        self.kubectl(&[
            "create",
            "--dry-run=server",
            "--warnings-as-errors",
            "-f",
            &file,
        ])?;
        Ok(())
    }
}

#[test]
fn everything_is_accepted_without_a_warning() -> Result<()> {
    let _reservation = lab::reserve()?;
    let world = World::start()?;
    for overlay in [
        "base",
        "overlays/ready-standbys",
        "overlays/named-lease-only",
        "overlays/standalone",
        "overlays/other-source",
    ] {
        world.apply(overlay, &kustomization(overlay)?)?;
        let components = ["monitoring", "network-policy", "dashboard"];
        let all = composition(overlay, &components)?;
        world.apply(&format!("{overlay} and every component"), &all)?;
    }
    let everything = "serviceMonitor.enabled=true,podMonitor.enabled=true,alerts.enabled=true,networkPolicy.enabled=true,\
                      dashboard.enabled=true,ingress.enabled=true,rbac.namedLeaseOnly=true";
    let guide = "readinessProbe.httpGet.path=/ready";
    let secret = r"config.clusters[0].name=x,config.clusters[0].bootstrap_servers=x:9092,config.clusters[0].consumer_properties.sasl\.password=y";
    for set in ["replicaCount=3", guide, secret, everything] {
        world.apply(set, &chart(&["--set", set])?)?;
    }
    lab::say("14 renderings applied twice each, without a warning");
    Ok(())
}

/// Checks this file's own method: a warning is an error, and a pod that is not restricted is refused.
#[test]
fn what_is_not_restricted_is_refused() -> Result<()> {
    let _reservation = lab::reserve()?;
    let world = World::start()?;
    let mut objects = kustomization("base")?;
    objects.text = objects.text.replace(
        "allowPrivilegeEscalation: false",
        "allowPrivilegeEscalation: true",
    );
    let refused = world.apply("escalating", &objects);
    let refused = format!("{:#}", refused.err().context("accepted")?);
    ensure!(refused.contains("would violate PodSecurity"), "{refused}");

    let objects = kustomization("base")?;
    let file = world.write("objects.yaml", &objects.text)?;
    world.kubectl(&["apply", "--server-side", "-f", &file])?;
    let mut bare = objects.clone();
    let key = ("Deployment".to_owned(), "klag-exporter".to_owned());
    let pod = bare.by_name.get_mut(&key).context("no Deployment")?;
    pod["spec"]["template"]["spec"]["securityContext"] = json!({});
    let refused = world.admit_a_pod(&bare);
    let refused = format!("{:#}", refused.err().context("admitted")?);
    ensure!(refused.contains("violates PodSecurity"), "{refused}");
    Ok(())
}

#[test]
fn a_shipped_lease_is_left_as_the_holder_has_it() -> Result<()> {
    let _reservation = lab::reserve()?;
    let world = World::start()?;
    let objects = kustomization("overlays/named-lease-only")?;
    let file = world.write("objects.yaml", &objects.text)?;
    world.kubectl(&["apply", "--server-side", "-f", &file])?;
    let held = r#"{"spec": {"holderIdentity": "pod", "leaseDurationSeconds": 15}}"#;
    let lease = ["lease", "klag-exporter", "--namespace", "monitoring"];
    world.kubectl(&[&["patch"], &lease[..], &["--type=merge", "--patch", held]].concat())?;
    world.kubectl(&["apply", "--server-side", "-f", &file])?;
    let holder = "--output=jsonpath={.spec.holderIdentity}";
    let kept = world.kubectl(&[&["get"], &lease[..], &[holder]].concat())?;
    assert_eq!(kept, "pod");
    Ok(())
}

/// Checks that a service account may do what the Role says and nothing else, by `kubectl auth can-i`.
#[test]
fn the_rights_are_those_of_the_role_and_no_others() -> Result<()> {
    let _reservation = lab::reserve()?;
    let world = World::start()?;
    let objects = kustomization("base")?;
    let file = world.write("objects.yaml", &objects.text)?;
    world.kubectl(&["apply", "--server-side", "-f", &file])?;
    let may = |verb: &str, what: &str| {
        let user = "--as=system:serviceaccount:monitoring:klag-exporter";
        let asked = world.kubectl(&["auth", "can-i", verb, what, user, "--namespace=monitoring"]);
        asked.is_ok()
    };
    for verb in ["get", "patch", "list", "watch"] {
        ensure!(may(verb, "leases/klag-exporter"), "{verb}");
        ensure!(!may(verb, "leases/another"), "{verb} another");
        ensure!(!may(verb, "pods"), "{verb} pods");
    }
    ensure!(may("create", "leases"));
    for verb in ["update", "delete", "deletecollection"] {
        ensure!(!may(verb, "leases/klag-exporter"), "{verb}");
    }
    ensure!(!may("get", "secrets") && !may("create", "events"));
    Ok(())
}

fn helm(kube: &Kube, scratch: &TempDir, args: &[&str]) -> Result<String> {
    let config = scratch.write("kubeconfig", kube.kubectl(&["config", "view", "--raw"])?)?;
    let chart: PathBuf = manifests::root().join("helm/klag-exporter");
    let mut command = Command::new(tools::path("helm")?);
    command.args(args).arg("klag-exporter");
    if args != ["uninstall"] {
        command.arg(chart);
    }
    command
        .arg("--namespace=monitoring")
        .env("KUBECONFIG", config);
    for place in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(place, scratch.path().join("helm"));
    }
    process::run(command, Duration::from_secs(60))
}

#[test]
fn helm_installs_upgrades_and_uninstalls_and_the_lease_outlives_an_upgrade() -> Result<()> {
    let _reservation = lab::reserve()?;
    let world = World::start()?;
    let kube = world.plane.kube();
    let said = helm(
        kube,
        &world.scratch,
        &["install", "--set", "rbac.namedLeaseOnly=true"],
    )?;
    ensure!(said.contains("2 pods, of which one collects"), "{said}");
    ensure!(!said.to_lowercase().contains("warning"), "{said}");
    let held = r#"{"spec": {"holderIdentity": "pod", "leaseDurationSeconds": 15}}"#;
    let lease = ["lease", "klag-exporter", "--namespace", "monitoring"];
    world.kubectl(&[&["patch"], &lease[..], &["--type=merge", "--patch", held]].concat())?;
    let changed = "rbac.namedLeaseOnly=true,serviceMonitor.enabled=true,alerts.enabled=true,dashboard.enabled=true";
    let said = helm(kube, &world.scratch, &["upgrade", "--set", changed])?;
    ensure!(!said.to_lowercase().contains("warning"), "{said}");
    let holder = "--output=jsonpath={.spec.holderIdentity}";
    let kept = world.kubectl(&[&["get"], &lease[..], &[holder]].concat())?;
    assert_eq!(kept, "pod");
    helm(kube, &world.scratch, &["uninstall"])?;
    let left = world.kubectl(&[
        "get",
        "deploy,role,svc,lease,servicemonitor",
        "--namespace=monitoring",
        "--output=name",
    ])?;
    assert_eq!(left.trim(), "");
    Ok(())
}
