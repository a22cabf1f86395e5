//! For every error code in brokers' answers, the collector shows no false value, leaves out no more than it has to, and counts each
//! unanswered request once.

use anyhow::{Result, ensure};
use e2e::lab;
use e2e::standin::{Api, Fault};
use e2e::trials::{self, Trial};

mod cluster;
mod counts;
mod seen;

use cluster::Lab;
use counts::CODES;

const APIS: [Api; 8] = [
    Api::Metadata,
    Api::ListGroups,
    Api::OffsetFetch,
    Api::ListOffsets,
    Api::DescribeGroups,
    Api::ConsumerGroupDescribe,
    Api::DescribeConfigs,
    Api::Fetch,
];

#[test]
fn an_error_code_hides_what_it_is_about_and_nothing_else_and_is_counted_once() -> Result<()> {
    let trials = APIS.map(|api| Trial::new(format!("{api:?}"), move |_| every_code_on(api)));
    // Most of a case is waiting, so some cases run at the same time.
    trials::run_all(&trials, 4)
}

fn every_code_on(api: Api) -> Result<String> {
    let mut lab = Lab::start()?;
    let mut problems = Vec::new();
    let mut n_cases = 0;
    for (code, reason) in CODES {
        for share in [1.0, 0.05] {
            let case = format!("{api:?} {code} {share}");
            let fault = Fault::error(api, code).share(share);
            let seen = lab.undisturbed_case((api, reason), &fault)?;
            problems.extend(seen.problems(&case, (api, reason), share));
            n_cases += 1;
        }
    }
    ensure!(lab.collector.ended()?.is_none(), "the collector has ended");
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(format!("{n_cases} cases"))
}

#[test]
fn a_partition_that_answers_with_an_error_hides_none_of_its_neighbours() -> Result<()> {
    let mut lab = Lab::start()?;
    let mut problems = Vec::new();
    for (code, reason) in CODES {
        let fault = Fault::error(Api::ListOffsets, code).for_partition("orders", 4);
        let seen = lab.undisturbed_case((Api::ListOffsets, reason), &fault)?;
        problems.extend(seen.wrong_before.iter().cloned());
        lab::say(format_args!(
            "orders-4 {code}: {} collections, {:?}, {:?} dark",
            seen.n_collections, seen.errors, seen.last.without_bounds
        ));
        let pair = ("list_offsets".to_owned(), reason.to_owned());
        let right = seen.last.without_bounds == [("orders".to_owned(), 4)].into()
            && seen.last.incomplete.len() == 4
            && seen.wrong.is_empty()
            && seen.errors == [(pair, seen.n_collections)].into();
        if !right {
            problems.push(format!("{code}: {:?} {:?}", seen.errors, seen.last));
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}
