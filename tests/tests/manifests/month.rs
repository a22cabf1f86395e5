//! A simulated month: nobody is paged for a healthy group, and every fault is reported in time. A short run simulates two days.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::host::TempDir;
use e2e::lab::{self, Length};
use e2e::manifests::month::Month;
use e2e::manifests::{self, tools};
use tokio::time::Instant;

/// The budget of groups that read once a day; all other groups have the default budget.
const BUDGETS: &str = r#"groups:
- name: own-budgets
  rules:
  - record: klag:budget_candidate
    labels: {budget: nightly}
    expr: 0 * klag:kafka_consumergroup_group_state{group=~"nightly-.*"} + 0
  - record: klag:budget_seconds
    labels: {budget: nightly, severity: warning, batch: "true"}
    expr: |
      93600 + 0 * (
        klag:budget_candidate{budget="nightly"}
        == on (namespace, job, cluster_name, group) group_left () klag:budget_first
      )
"#;

/// The time limit of promtool, which takes about 45 seconds for a simulated day, and more on a busy machine.
const LIMIT: Duration = Duration::from_secs(7200);

/// Runs promtool on the month with these rules; fails if a fault is not reported in time, or an unexpected alert fires.
fn judge(month: &Month, rules: &str) -> Result<()> {
    let scratch = TempDir::new("month")?;
    scratch.write("klag-exporter.rules.yaml", rules)?;
    scratch.write("budgets.rules.yaml", BUDGETS)?;
    let test = month.unit_test(&["klag-exporter.rules.yaml", "budgets.rules.yaml"]);
    let file = scratch.write("month.test.yaml", test)?;
    let file = file.display().to_string();
    tools::run_within(LIMIT, "promtool", &["test", "rules", &file])?;
    Ok(())
}

#[test]
fn nobody_is_paged_for_a_group_that_is_well_and_every_fault_is_told_in_time() -> Result<()> {
    let days = Length::from_env().pick(30, 2);
    let month = Month::of(days);
    let n = month.faults().len();
    ensure!(n == Length::from_env().pick(20, 9), "{n} faults");
    let begin = Instant::now();
    judge(&month, &manifests::read("alerts/klag-exporter.rules.yaml")?)?;
    lab::say(format_args!(
        "{days} days, {n} faults told in time, nothing else; promtool took {:.0?}",
        begin.elapsed()
    ));
    Ok(())
}

/// Checks that the simulated month exposes bad rules.
#[test]
fn rules_that_look_at_offsets_or_have_no_patience_page_for_groups_that_are_well() -> Result<()> {
    let rules = manifests::read("alerts/klag-exporter.rules.yaml")?;
    let month = Month::of(1);
    let offsets = "  - name: klag-exporter-groups\n    interval: 30s\n    rules:\n";
    let growing = format!(
        "{offsets}      - alert: Growing\n        for: 15m\n        expr: klag:kafka_consumergroup_group_max_lag > 1000 \
         and deriv(klag:kafka_consumergroup_group_max_lag[15m]) > 0\n"
    );
    for (good, bad) in [
        (offsets, &*growing),
        (
            "sum_over_time((klag:kafka_consumergroup_group_sum_messages_lost > bool 0)[15m:30s]) > 0.3 * 900 / 30",
            "klag:kafka_consumergroup_group_sum_messages_lost > 0",
        ),
        (
            "sum_over_time((klag:kafka_consumergroup_group_members > bool 0)[1d:15m]) >= 24",
            "max_over_time(klag:kafka_consumergroup_group_members[1d]) > 0",
        ),
    ] {
        ensure!(rules.contains(good), "no {good:?}");
        ensure!(
            judge(&month, &rules.replacen(good, bad, 1)).is_err(),
            "nobody sees {bad:?}"
        );
    }
    Ok(())
}
