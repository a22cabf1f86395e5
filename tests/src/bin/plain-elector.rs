//! An elector made of kube-lease-manager's `watch()` alone, which gives the simplest answer a collector takes:
//! `{"is_leader":bool}`.
//!
//! This program takes the elector's place in the trials to show that they find faults: they must fail with it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use axum::{Json, Router, extract::State, routing::get};
use clap::Parser;
use kube_lease_manager::LeaseManagerBuilder;
use serde_json::{Value, json};
use shared::config::{self, Election, Environment, Leadership, Program};
use tokio::sync::watch;

/// The elector's command line, as far as the lab uses it.
#[derive(Debug, Parser)]
struct Args {
    #[arg(long)]
    config: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let environment: Environment = std::env::vars_os().collect();
    let args = Args::try_parse()?;
    let exporter = config::load(&args.config, Program::Elector, &environment)?
        .config
        .exporter;
    let listen = exporter.elector_server.listen;
    let Leadership::Elected(election) = exporter.leadership else {
        bail!("there is no election in this file")
    };
    let leads = campaign(&election).await?;
    let router = Router::new()
        .route("/leader", get(leader))
        .with_state(leads);
    let listener = tokio::net::TcpListener::bind(listen).await?;
    Ok(axum::serve(listener, router).await?)
}

/// Campaigns for the Lease with the same duration and the same renewal interval as klag-exporter's elector.
async fn campaign(election: &Election) -> Result<watch::Receiver<bool>> {
    let (duration, renew) = (election.lease_duration, election.grace_period);
    let manager =
        LeaseManagerBuilder::new(kube::Client::try_default().await?, &election.lease_name)
            .with_namespace(&election.lease_namespace)
            .with_identity(&election.identity)
            .with_duration(duration.as_secs())
            .with_grace(duration.saturating_sub(renew).as_secs())
            .build()
            .await
            .context("cannot make the manager")?;
    // The task of the election goes on after its handle is dropped.
    let (leads, _task) = manager.watch().await;
    Ok(leads)
}

async fn leader(State(leads): State<watch::Receiver<bool>>) -> Json<Value> {
    Json(json!({"is_leader": *leads.borrow()}))
}
