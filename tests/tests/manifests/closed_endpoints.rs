//! Both programs with endpoints that a web configuration closes: who is let in, and who is not.

mod certificate_swaps;
mod tls_versions;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::lab::closed_programs::ClosedPrograms;
use e2e::lab::host::TempDir;
use e2e::lab::prometheus::Prometheus;
use e2e::lab::{self, Closing, Way};

const LIMIT: Duration = Duration::from_secs(60);

/// Writes the files of a closing into a new folder `name`, and returns the folder.
fn written(scratch: &TempDir, closing: &Closing, name: &str) -> Result<PathBuf> {
    let folder = scratch.path().join(name);
    closing.write(&folder)?;
    Ok(folder)
}

/// Returns the settings of a Prometheus job that is let in, and those of jobs that are refused. `folder` has the files of the closing.
fn settings(way: Way, folder: &Path) -> (String, Vec<String>) {
    let dir = folder.display();
    let plain = "scheme: http".to_owned();
    let tls = format!("scheme: https, tls_config: {{ca_file: {dir}/ca.crt}}");
    let certified = format!(
        "scheme: https, tls_config: {{ca_file: {dir}/ca.crt, cert_file: {dir}/client.crt, key_file: {dir}/client.key}}"
    );
    let user = "basic_auth: {username: prom, password: hunter2}";
    let stranger = "basic_auth: {username: prom, password: hunter3}";
    match way {
        Way::Password => (user.to_owned(), vec![plain, stranger.to_owned()]),
        Way::Tls => (tls, vec![plain]),
        Way::TlsAndPassword => {
            let wrong = vec![format!("{plain}, {user}"), tls.clone()];
            (format!("{tls}, {user}"), wrong)
        }
        Way::Certificate => (certified, vec![plain, tls]),
        Way::Everything => (
            format!("{certified}, {user}"),
            vec![
                format!("{tls}, {user}"),
                certified.clone(),
                format!("{certified}, {stranger}"),
            ],
        ),
    }
}

/// Appends Prometheus jobs for both programs to `jobs`. Returns the number of jobs that are let in, and of those that are refused.
fn write_jobs(
    jobs: &mut String,
    way: Way,
    folder: &Path,
    programs: &ClosedPrograms,
) -> Result<[usize; 2]> {
    let (right, wrong) = settings(way, folder);
    let all = std::iter::once(("right", &right)).chain(wrong.iter().map(|wrong| ("wrong", wrong)));
    for (i, (kind, settings)) in all.enumerate() {
        for (program, port, path) in programs.doors() {
            writeln!(
                jobs,
                "- {{job_name: {way:?}-{program}-{i}, metrics_path: {path}, scrape_interval: 1s, scrape_timeout: 1s, {settings}, \
                 static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{kind: {kind}}}}}]}}"
            )?;
        }
    }
    Ok([2, 2 * wrong.len()])
}

#[test]
fn prometheus_scrapes_what_is_closed_with_what_is_asked_for() -> Result<()> {
    let _reservation = lab::reserve()?;
    let scratch = TempDir::new("closed")?;
    let (mut held, mut jobs, mut n_wanted) = (Vec::new(), String::new(), [0, 0]);
    for way in Way::ALL {
        let folder = written(&scratch, &Closing::by(way)?, &format!("{way:?}"))?;
        let programs = ClosedPrograms::start(&scratch, &folder)?;
        let [n_right, n_wrong] = write_jobs(&mut jobs, way, &folder, &programs)?;
        n_wanted = [n_wanted[0] + n_right, n_wanted[1] + n_wrong];
        held.push(programs);
    }
    let prometheus = Prometheus::configured(&format!("scrape_configs:\n{jobs}"), &[])?;
    lab::wait_for("scrapes of every target", LIMIT, || {
        for (kind, value, n_wanted) in [("right", 1.0, n_wanted[0]), ("wrong", 0.0, n_wanted[1])] {
            let series = prometheus.now(&format!("up{{kind=\"{kind}\"}}"))?;
            let last = |samples: &[(f64, f64)]| samples.last().map(|sample| sample.1);
            let differs = series
                .iter()
                .find(|series| last(&series.samples) != Some(value));
            ensure!(differs.is_none(), "{kind}: {differs:?}");
            ensure!(
                series.len() == n_wanted,
                "{kind}: {} of {n_wanted}",
                series.len()
            );
        }
        Ok(())
    })
    .with_context(|| jobs.clone())?;
    lab::say(format_args!(
        "Prometheus scrapes {} targets with what is asked for, and none of {} without",
        n_wanted[0], n_wanted[1]
    ));
    for ClosedPrograms { collector, .. } in &held {
        ensure!(collector.get("/leader")?.text()?.contains("is_leader"));
        ensure!(collector.get("/metrics")?.status != 200);
    }
    Ok(())
}
