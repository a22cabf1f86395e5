//! The requests for committed offsets of one round: all brokers at once, with a limited number in flight on each.

use std::collections::{BTreeMap, VecDeque};

use super::best_answer::{BestAnswer, keep_better};
use crate::kafka::collection_context::{CollectionContext, POLL_TIMEOUT};
use crate::kafka::native::{AdminRequests, AdminResult, Client, RequestTarget};
use crate::progress::Step;
use crate::snapshot::{Api, Name};

/// The largest number of requests in flight on one broker. librdkafka keeps a timer for each in a sorted list, which it searches
/// from the start for each new request. At a round trip of 10 ms, this number lets 10,000 requests a second through.
const MAX_IN_FLIGHT_PER_BROKER: usize = 128;

/// Asks the brokers that `brokers_of` gives for each group, and keeps the best answer about each group in `best`.
pub(super) fn fetch(
    client: &Client,
    brokers_of: &BTreeMap<Name, Vec<i32>>,
    best: &mut BTreeMap<Name, BestAnswer>,
    context: &mut CollectionContext<'_>,
) {
    let mut waiting: BTreeMap<i32, VecDeque<&Name>> = BTreeMap::new();
    for (group, brokers) in brokers_of {
        for broker in brokers
            .iter()
            .filter(|broker| !context.silent_brokers.contains_key(broker))
        {
            waiting.entry(*broker).or_default().push_back(group);
        }
    }
    let total: usize = waiting.values().map(VecDeque::len).sum();
    let mut requests = AdminRequests::on(client);
    let mut sent: Vec<(&Name, i32)> = Vec::with_capacity(total);
    let mut in_flight: BTreeMap<i32, usize> = BTreeMap::new();
    let mut done = 0;
    loop {
        send_requests(
            &mut waiting,
            &mut in_flight,
            &mut sent,
            &mut requests,
            context,
        );
        if requests.n_in_flight() == 0 || context.is_abandoned() {
            break;
        }
        let Some((tag, AdminResult::Offsets(answer))) = requests.next_result(POLL_TIMEOUT) else {
            continue;
        };
        let (group, broker) = sent[tag];
        *in_flight.entry(broker).or_default() -= 1;
        if let Err(code) = answer {
            context.give_up_if_silent(Api::OffsetFetch, broker, code);
        }
        keep_better(best, group, BestAnswer::of(broker, answer));
        done += 1;
        context.report_progress(|progress| progress.step = Step::Offsets { done, total });
    }
}

/// Sends the requests that may be sent now. The brokers take turns, each up to its limit in flight; requests to silent brokers
/// are dropped.
fn send_requests<'q>(
    waiting: &mut BTreeMap<i32, VecDeque<&'q Name>>,
    in_flight: &mut BTreeMap<i32, usize>,
    sent: &mut Vec<(&'q Name, i32)>,
    requests: &mut AdminRequests<'_>,
    context: &mut CollectionContext<'_>,
) {
    waiting.retain(|broker, _| !context.silent_brokers.contains_key(broker));
    loop {
        let mut idle = true;
        for (&broker, groups) in &mut *waiting {
            let busy = in_flight.entry(broker).or_default();
            let Some(timeout) = context.request_timeout(Api::OffsetFetch) else {
                return;
            };
            if *busy >= MAX_IN_FLIGHT_PER_BROKER {
                continue;
            }
            if let Some(group) = groups.pop_front() {
                context.count_request(Api::OffsetFetch);
                let tag = sent.len();
                requests.committed_offsets(
                    RequestTarget {
                        broker,
                        tag,
                        timeout,
                    },
                    group,
                );
                sent.push((group, broker));
                *busy += 1;
                idle = false;
            }
        }
        if idle {
            return;
        }
    }
}
