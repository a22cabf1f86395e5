//! Tests of the lab itself: its faults, rights, Lease edits and control plane work as the election tests assume.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::faults::{ApiRoute, ErrorInjection, HttpFault, RouteKind, TcpFault, Verb};
use e2e::lab::kubernetes::{Component, Lease, Rights};
use e2e::lab::process::Signal;
use e2e::lab::{self, ControlPlane};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

struct Lab {
    runtime: Runtime,
    client: Client,
    lease: &'static str,
}

/// Returns a client of a pod, made as the elector makes its own.
fn client(runtime: &Runtime, route: &ApiRoute) -> Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(route.kubeconfig())?;
    runtime.block_on(async {
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        config.default_retry = false;
        Ok(Client::try_from(config)?)
    })
}

// === impl Lab ===

impl Lab {
    /// Returns the status of the answer to a request, or `None` if the request fails or gets no answer within a second.
    fn ask(&self, request: http::Request<Vec<u8>>) -> Option<u16> {
        let asked = self.client.request::<Value>(request);
        let answer = self
            .runtime
            .block_on(async { timeout(SECOND, asked).await });
        match answer.ok()? {
            Ok(_) => Some(200),
            Err(kube::Error::Api(status)) => Some(status.code),
            Err(_) => None,
        }
    }

    fn get(&self) -> Option<u16> {
        let path = format!(
            "/apis/coordination.k8s.io/v1/namespaces/lab/leases/{}",
            self.lease
        );
        self.ask(http::Request::get(path).body(Vec::new()).ok()?)
    }

    fn list(&self) -> Option<u16> {
        let path = "/apis/coordination.k8s.io/v1/namespaces/lab/leases";
        self.ask(http::Request::get(path).body(Vec::new()).ok()?)
    }
}

/// Checks that a route passes, refuses, drops, delays and spoils requests as it is told to.
fn try_route(route: &ApiRoute, route_kind: RouteKind) -> Result<()> {
    let runtime = Runtime::new()?;
    let client = client(&runtime, route)?;
    let lab = Lab {
        runtime,
        client,
        lease: "one",
    };
    ensure!(lab.get() == Some(200), "no answer");
    ensure!(lab.list() == Some(403), "a list without a name is allowed");
    for way in [
        TcpFault::Refuse,
        TcpFault::Drop,
        TcpFault::DropAnswers,
        TcpFault::DropRequests,
    ] {
        route.set(way);
        let begin = Instant::now();
        ensure!(lab.get().is_none(), "{way:?}: an answer");
        let took = begin.elapsed();
        lab::say(format_args!(
            "{route_kind:?} {way:?}: given up after {took:.0?}"
        ));
        route.set(TcpFault::Pass);
        lab::wait_for("an answer", 3 * SECOND, || lab.get().context("none"))?;
    }
    route.set(TcpFault::Delay(SECOND / 4));
    let begin = Instant::now();
    ensure!(lab.get() == Some(200), "no late answer");
    ensure!(begin.elapsed() > SECOND / 2, "{:?}", begin.elapsed());
    if route_kind == RouteKind::Watched {
        route.set(TcpFault::Pass);
        let error = Some(ErrorInjection {
            status: 503,
            every: 1,
        });
        route.http_fault(HttpFault {
            error,
            ..HttpFault::default()
        })?;
        ensure!(lab.get() == Some(503), "not spoiled");
        let asked = route.requests()?;
        ensure!(
            asked.iter().any(|asked| asked.verb == Verb::List),
            "{asked:?}"
        );
    }
    Ok(())
}

#[test]
fn rights_doors_and_gateways_do_what_they_say() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let kube = plane.kube();
    let lease = Lease::of(kube, "one");
    lease.create_released()?;
    let path = "jsonpath={.spec.leaseDurationSeconds}";
    let shown = kube.kubectl(&["get", "lease", "one", "-o", path])?;
    ensure!(shown.trim() == "1", "kubectl says {shown}");
    let account = kube.account("pod", &Rights::on("one"))?;
    for route_kind in [RouteKind::Direct, RouteKind::Watched] {
        let route = ApiRoute::build(kube, &account, route_kind)?;
        try_route(&route, route_kind).with_context(|| format!("{route_kind:?}"))?;
    }
    let asked = kube.requests_by(&account, 0)?;
    ensure!(asked.get("list") == Some(&2), "{asked:?}");
    lease.edit(&json!({"holderIdentity": "somebody"}))?;
    let record = lease.read()?.context("it is gone")?;
    ensure!(record.holder == "somebody", "{record:?}");
    lease.delete()?;
    ensure!(lease.read()?.is_none(), "it is still there");
    Ok(())
}

#[test]
fn parts_of_the_control_plane_stop_and_come_back() -> Result<()> {
    let _reservation = lab::reserve()?;
    let mut plane = ControlPlane::start()?;
    Lease::of(plane.kube(), "kept").create_released()?;
    plane.kill(Component::ApiServer)?;
    ensure!(Lease::of(plane.kube(), "kept").read().is_err(), "an answer");
    plane.launch(Component::ApiServer)?;
    plane.wait_until_ready()?;
    plane.kill(Component::Etcd)?;
    plane.launch(Component::Etcd)?;
    plane.wait_until_ready()?;
    let kept = Lease::of(plane.kube(), "kept");
    lab::wait_for("the Lease", 10 * SECOND, || {
        kept.read()?.context("it is gone")
    })?;
    plane.signal(Component::ApiServer, Signal::Stop)?;
    plane.signal(Component::ApiServer, Signal::Continue)?;
    kept.read()?.context("it is gone")?;
    Ok(())
}
