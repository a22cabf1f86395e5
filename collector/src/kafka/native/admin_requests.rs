//! Requests of librdkafka's admin interface. Each request names the broker it goes to. All results come to one queue, where they
//! are told apart by their tags.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as Operation;

use super::admin_results::AdminResult;
use super::{Client, Queue, QueueEvent, c_string, millis};

/// The number of requests in flight above which results are left to gather before they are taken.
const GATHER_ABOVE: usize = 32;

/// The time for which results gather. Three brokers take longer to answer [`GATHER_ABOVE`] requests, so no collection takes longer
/// for it.
const GATHER_TIME: Duration = Duration::from_millis(4);

/// Requests in flight on one client, and the queue that their results come to.
pub(in crate::kafka) struct AdminRequests<'c> {
    client: &'c Client,
    queue: Queue,
    n_in_flight: usize,
}

/// The broker that a request goes to, and the tag that its result will carry.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) struct RequestTarget {
    /// The broker's node id.
    pub(in crate::kafka) broker: i32,
    /// The number that the caller chooses to recognise the result.
    pub(in crate::kafka) tag: usize,
    /// The time after which the result is an error, if no answer has come.
    pub(in crate::kafka) timeout: Duration,
}

/// The arguments that all of librdkafka's admin calls have in common. They live until the call returns.
pub(super) struct CallArguments {
    pub(super) client: *mut rd::rd_kafka_t,
    pub(super) options: *const rd::rd_kafka_AdminOptions_t,
    pub(super) queue: *mut rd::rd_kafka_queue_t,
}

/// The options of one request: timeout, broker and tag.
struct Options(NonNull<rd::rd_kafka_AdminOptions_t>);

// === impl AdminRequests ===

impl<'c> AdminRequests<'c> {
    /// Makes a queue for the results of requests on `client`.
    pub(in crate::kafka) fn on(client: &'c Client) -> Self {
        // SAFETY: the client lives as long as the queue.
        let queue = unsafe { rd::rd_kafka_queue_new(client.rk.as_ptr()) };
        Self {
            client,
            queue: Queue(NonNull::new(queue).expect("a new queue")),
            n_in_flight: 0,
        }
    }

    /// Asks a broker for the groups that it coordinates.
    pub(in crate::kafka) fn list_groups(&mut self, to: RequestTarget) {
        self.send(
            Operation::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
            to,
            |call| {
                // SAFETY: all handles live; the options are copied.
                unsafe { rd::rd_kafka_ListConsumerGroups(call.client, call.options, call.queue) };
            },
        );
    }

    /// Asks a broker for all committed offsets of `group`.
    pub(in crate::kafka) fn committed_offsets(&mut self, to: RequestTarget, group: &str) {
        let group = c_string(group);
        // SAFETY: the name is copied; NULL means all partitions.
        let mut request =
            unsafe { rd::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), std::ptr::null()) };
        self.send(
            Operation::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
            to,
            |call| {
                // SAFETY: all handles live; request and options are copied.
                unsafe {
                    rd::rd_kafka_ListConsumerGroupOffsets(
                        call.client,
                        &raw mut request,
                        1,
                        call.options,
                        call.queue,
                    );
                }
            },
        );
        // SAFETY: the last use of the request.
        unsafe { rd::rd_kafka_ListConsumerGroupOffsets_destroy(request) };
    }

    /// Asks a broker for the members of `groups`.
    pub(in crate::kafka) fn members(&mut self, to: RequestTarget, groups: &[&str]) {
        let names: Vec<_> = groups.iter().map(|group| c_string(group)).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        self.send(
            Operation::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
            to,
            |call| {
                // SAFETY: all handles live; names and options are copied.
                unsafe {
                    rd::rd_kafka_DescribeConsumerGroups(
                        call.client,
                        pointers.as_mut_ptr(),
                        pointers.len(),
                        call.options,
                        call.queue,
                    );
                }
            },
        );
    }

    /// Asks a broker for the `cleanup.policy` of `topics`, and for nothing else of their configuration.
    pub(in crate::kafka) fn cleanup_policies(&mut self, to: RequestTarget, topics: &[&str]) {
        let mut resources: Vec<_> = topics.iter().map(|topic| policy_of(topic)).collect();
        self.send(Operation::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, to, |call| {
            // SAFETY: all handles live; resources and options are copied.
            unsafe {
                rd::rd_kafka_DescribeConfigs(
                    call.client,
                    resources.as_mut_ptr(),
                    resources.len(),
                    call.options,
                    call.queue,
                );
            }
        });
        for resource in resources {
            // SAFETY: the last use of the resource.
            unsafe { rd::rd_kafka_ConfigResource_destroy(resource) };
        }
    }

    /// Sends one request by `call`, with options that name its target, and counts it as in flight.
    pub(super) fn send(
        &mut self,
        operation: Operation,
        to: RequestTarget,
        call: impl FnOnce(&CallArguments),
    ) {
        let options = Options::of(self.client, operation, to);
        call(&CallArguments {
            client: self.client.rk.as_ptr(),
            options: options.0.as_ptr(),
            queue: self.queue.0.as_ptr(),
        });
        self.n_in_flight += 1;
    }

    /// Returns the number of requests whose results are still to come.
    pub(in crate::kafka) fn n_in_flight(&self) -> usize {
        self.n_in_flight
    }

    /// Returns the next result with its tag, or `None` when `timeout` has passed. Every request has a result, at the latest by
    /// its own timeout.
    pub(in crate::kafka) fn next_result(
        &mut self,
        timeout: Duration,
    ) -> Option<(usize, AdminResult)> {
        loop {
            let event = self.gathered_event().or_else(|| self.queue.poll(timeout))?;
            if let Some(answer) = event.admin_result() {
                self.n_in_flight -= 1;
                return Some((event.tag(), answer));
            }
        }
    }

    /// Returns an event that is there already. If there is none, and many requests are in flight, lets results gather before the
    /// caller waits for one: a thread that waits is woken by each result, and these wakeups are a tenth of the CPU time of a
    /// collection of 1,000 groups.
    #[expect(
        clippy::disallowed_methods,
        reason = "this thread belongs to librdkafka's blocking calls"
    )]
    fn gathered_event(&self) -> Option<QueueEvent> {
        let event = self.queue.poll(Duration::ZERO);
        if event.is_none() && self.n_in_flight > GATHER_ABOVE {
            std::thread::sleep(GATHER_TIME);
        }
        event
    }
}

impl Drop for AdminRequests<'_> {
    fn drop(&mut self) {
        // librdkafka mishandles a queue that is destroyed while requests are in flight, so the drop waits until none is in
        // flight.
        while self.n_in_flight > 0 {
            if self.next_result(Duration::from_millis(100)).is_none() {
                tracing::trace!(n_waiting = self.n_in_flight, "Waiting for requests to end");
            }
        }
    }
}

// === impl Options ===

impl Options {
    fn of(client: &Client, operation: Operation, to: RequestTarget) -> Self {
        // SAFETY: the client is live.
        let options = unsafe { rd::rd_kafka_AdminOptions_new(client.rk.as_ptr(), operation) };
        let options = Self(NonNull::new(options).expect("options of a known request"));
        // Both setters fail only for requests that do not take the option, and for values out of range.
        // SAFETY: the options are live; no error text is wanted.
        unsafe {
            rd::rd_kafka_AdminOptions_set_request_timeout(
                options.0.as_ptr(),
                millis(to.timeout),
                std::ptr::null_mut(),
                0,
            )
        };
        // SAFETY: the options are live; no error text is wanted.
        unsafe {
            rd::rd_kafka_AdminOptions_set_broker(
                options.0.as_ptr(),
                to.broker,
                std::ptr::null_mut(),
                0,
            )
        };
        // SAFETY: the options are live; the tag is a number that is never followed as a pointer.
        unsafe {
            rd::rd_kafka_AdminOptions_set_opaque(
                options.0.as_ptr(),
                std::ptr::without_provenance_mut::<c_void>(to.tag),
            );
        };
        options
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the last use of the options.
        unsafe { rd::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) };
    }
}

/// Makes a request for one topic's `cleanup.policy`. The caller destroys it.
fn policy_of(topic: &str) -> *mut rd::rd_kafka_ConfigResource_t {
    let topic = c_string(topic);
    // SAFETY: the name is copied; never NULL for a known resource type.
    let resource = unsafe {
        rd::rd_kafka_ConfigResource_new(
            rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
            topic.as_ptr(),
        )
    };
    // SAFETY: the resource is live; both strings are copied. A key with an empty value is how one key is asked for.
    unsafe {
        rd::rd_kafka_ConfigResource_set_config(resource, c"cleanup.policy".as_ptr(), c"".as_ptr())
    };
    resource
}
