//! Keeps librdkafka from parsing what members of classic groups have stored: it aborts the process for some of it.
//!
//! `DescribeConsumerGroups` is asked for KIP-848 groups only, of which clients choose no such bytes. But where the coordinator
//! says that a group is none (any more), librdkafka asks again by `DescribeGroups`, and a client can make an empty group a
//! classic one at any moment. So the connection is ended as soon as that request was sent, by the thread that would read the
//! answer next: it is never read. [`Client::describe_all`](super::Client) asks by version 0, and has no parser.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use rdkafka::bindings as rd;
use tokio::sync::watch;

use super::fence::disconnect;

/// The key of `DescribeGroups` in the Kafka protocol.
const DESCRIBE_GROUPS: i16 = 15;

/// The version that `rd_kafka_list_groups` asks by.
const RAW: i16 = 0;

/// Which brokers were asked by `DescribeGroups` for an answer that may not be read.
#[derive(Debug)]
pub(super) struct Refusals(watch::Sender<BTreeSet<i32>>);

// === impl Refusals ===

impl Refusals {
    /// None so far.
    pub(super) fn none() -> Arc<Self> {
        Arc::new(Self(watch::Sender::default()))
    }

    /// Has the clients of `conf` watched; they must not outlive this value.
    pub(super) fn watch(self: &Arc<Self>, conf: NonNull<rd::rd_kafka_conf_t>) {
        let opaque = Arc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the configuration is live, and the name is copied. It fails only for a name that is taken.
        unsafe {
            rd::rd_kafka_conf_interceptor_add_on_new(
                conf.as_ptr(),
                c"classic".as_ptr(),
                Some(on_new),
                opaque,
            )
        };
    }

    /// The brokers refused since the last call.
    pub(super) fn take(&self) -> BTreeSet<i32> {
        self.0.send_replace(BTreeSet::new())
    }
}

/// Called by librdkafka for a new client.
extern "C" fn on_new(
    rk: *mut rd::rd_kafka_t,
    _conf: *const rd::rd_kafka_conf_t,
    opaque: *mut c_void,
    _why: *mut c_char,
    _why_size: usize,
) -> rd::rd_kafka_resp_err_t {
    // SAFETY: a client that is being made, and the name is copied. Its answer is this one's, and a client that may not be
    // watched is not made.
    unsafe {
        rd::rd_kafka_interceptor_add_on_request_sent(
            rk,
            c"classic".as_ptr(),
            Some(on_request_sent),
            opaque,
        )
    }
}

/// Called by librdkafka, on the thread of the connection, when a request was sent.
extern "C" fn on_request_sent(
    _rk: *mut rd::rd_kafka_t,
    socket: c_int,
    _broker: *const c_char,
    broker_id: i32,
    api_key: i16,
    api_version: i16,
    _correlation_id: i32,
    _size: usize,
    opaque: *mut c_void,
) -> rd::rd_kafka_resp_err_t {
    if api_key == DESCRIBE_GROUPS && api_version > RAW {
        disconnect(socket);
        // SAFETY: the value outlives the client that calls.
        let refusals = unsafe { &*opaque.cast_const().cast::<Refusals>() };
        refusals.0.send_modify(|brokers| {
            brokers.insert(broker_id);
        });
    }
    rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
