//! Requests about groups and configuration: every one names the broker it goes to, all answers come to one queue, correlated
//! by a tag.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::answers::Answer;
use super::{Client, Queue, c_string, millis};

/// Requests in flight on one client, and the queue their answers come to.
pub(in crate::kafka) struct Requests<'c> {
    pub(super) client: &'c Client,
    pub(super) queue: Queue,
    pub(super) n_waiting: usize,
}

/// Options of one request.
pub(super) struct Options(pub(super) NonNull<rd::rd_kafka_AdminOptions_t>);

// === impl Requests ===

impl<'c> Requests<'c> {
    pub(in crate::kafka) fn on(client: &'c Client) -> Self {
        // SAFETY: the client lives as long as the queue.
        let queue = unsafe { rd::rd_kafka_queue_new(client.rk.as_ptr()) };
        Self {
            client,
            queue: Queue(NonNull::new(queue).expect("a new queue")),
            n_waiting: 0,
        }
    }

    /// Asks `broker` which groups it coordinates.
    pub(in crate::kafka) fn list_groups(&mut self, broker: i32, tag: usize, timeout: Duration) {
        let options = self.options(
            rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
            broker,
            tag,
            timeout,
        );
        // SAFETY: all handles live; the options are copied.
        unsafe {
            rd::rd_kafka_ListConsumerGroups(
                self.client.rk.as_ptr(),
                options.0.as_ptr(),
                self.queue.0.as_ptr(),
            );
        };
        self.n_waiting += 1;
    }

    /// Asks `broker` for all committed offsets of `group`.
    pub(in crate::kafka) fn committed_offsets(
        &mut self,
        broker: i32,
        group: &str,
        tag: usize,
        timeout: Duration,
    ) {
        let options = self.options(
            rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
            broker,
            tag,
            timeout,
        );
        let group = c_string(group);
        // SAFETY: the name is copied; NULL means all partitions.
        let mut request =
            unsafe { rd::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), std::ptr::null()) };
        // SAFETY: all handles live; request and options are copied.
        unsafe {
            rd::rd_kafka_ListConsumerGroupOffsets(
                self.client.rk.as_ptr(),
                &raw mut request,
                1,
                options.0.as_ptr(),
                self.queue.0.as_ptr(),
            );
        }
        // SAFETY: the last use of the request.
        unsafe { rd::rd_kafka_ListConsumerGroupOffsets_destroy(request) };
        self.n_waiting += 1;
    }

    /// Asks `broker` for the members of `groups`.
    pub(in crate::kafka) fn members(
        &mut self,
        broker: i32,
        groups: &[&str],
        tag: usize,
        timeout: Duration,
    ) {
        let options = self.options(
            rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
            broker,
            tag,
            timeout,
        );
        let names: Vec<_> = groups.iter().map(|group| c_string(group)).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: all handles live; names and options are copied.
        unsafe {
            rd::rd_kafka_DescribeConsumerGroups(
                self.client.rk.as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len(),
                options.0.as_ptr(),
                self.queue.0.as_ptr(),
            );
        }
        self.n_waiting += 1;
    }

    /// Asks `broker` for the `cleanup.policy` of `topics`, and for nothing else of their configuration.
    pub(in crate::kafka) fn cleanup_policies(
        &mut self,
        broker: i32,
        topics: &[&str],
        tag: usize,
        timeout: Duration,
    ) {
        let options = self.options(
            rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
            broker,
            tag,
            timeout,
        );
        let mut resources: Vec<_> = topics.iter().map(|topic| policy_of(topic)).collect();
        // SAFETY: all handles live; resources and options are copied.
        unsafe {
            rd::rd_kafka_DescribeConfigs(
                self.client.rk.as_ptr(),
                resources.as_mut_ptr(),
                resources.len(),
                options.0.as_ptr(),
                self.queue.0.as_ptr(),
            );
        }
        for resource in resources {
            // SAFETY: the last use of the resource.
            unsafe { rd::rd_kafka_ConfigResource_destroy(resource) };
        }
        self.n_waiting += 1;
    }

    /// How many answers are still to come.
    pub(in crate::kafka) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    /// The next answer with its tag, or `None` when `timeout` has passed. Every request is answered, at the latest by its own
    /// timeout.
    pub(in crate::kafka) fn next(&mut self, timeout: Duration) -> Option<(usize, Answer)> {
        loop {
            let event = self.queue.poll(timeout)?;
            if let Some(answer) = event.answer() {
                self.n_waiting -= 1;
                return Some((event.tag(), answer));
            }
        }
    }

    pub(super) fn options(
        &self,
        api: rd::rd_kafka_admin_op_t,
        broker: i32,
        tag: usize,
        timeout: Duration,
    ) -> Options {
        // SAFETY: the client is live.
        let options = unsafe { rd::rd_kafka_AdminOptions_new(self.client.rk.as_ptr(), api) };
        let options = Options(NonNull::new(options).expect("options of a known request"));
        // Both setters fail only for requests that do not take the option, and for values out of range.
        // SAFETY: the options are live; no error text is wanted.
        unsafe {
            rd::rd_kafka_AdminOptions_set_request_timeout(
                options.0.as_ptr(),
                millis(timeout),
                std::ptr::null_mut(),
                0,
            )
        };
        // SAFETY: as above.
        unsafe {
            rd::rd_kafka_AdminOptions_set_broker(
                options.0.as_ptr(),
                broker,
                std::ptr::null_mut(),
                0,
            )
        };
        // SAFETY: the options are live; the tag is a number that is never followed as a pointer.
        unsafe {
            rd::rd_kafka_AdminOptions_set_opaque(
                options.0.as_ptr(),
                std::ptr::without_provenance_mut::<c_void>(tag),
            );
        };
        options
    }
}

impl Drop for Requests<'_> {
    fn drop(&mut self) {
        // A queue that is destroyed under requests in flight is the one thing librdkafka has been seen to mishandle.
        while self.n_waiting > 0 {
            if self.next(Duration::from_millis(100)).is_none() {
                tracing::trace!(n_waiting = self.n_waiting, "Waiting for requests to end");
            }
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the last use of the options.
        unsafe { rd::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) };
    }
}

/// A request for one topic's `cleanup.policy`. The caller destroys it.
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
