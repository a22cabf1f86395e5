//! Keeps librdkafka from parsing the bytes that members of classic groups have stored, because it aborts the process for some of
//! them.
//!
//! `DescribeConsumerGroups` is sent for KIP-848 groups only, whose clients choose no such bytes. But where the coordinator
//! answers that a group is not of that type, librdkafka asks again with `DescribeGroups`, and parses the bytes in that answer. A
//! client can turn an empty group into a classic one at any moment, so the answer cannot be prevented. Instead an interceptor
//! ends the connection as soon as such a request was sent. The interceptor runs on the thread that would read the answer next, so
//! the answer is never read. [`Client::describe_all`](super::Client) uses version 0 of `DescribeGroups`, which librdkafka does
//! not parse, and is let through.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::bindings as rd;

use super::fence::disconnect;

/// The key of `DescribeGroups` in the Kafka protocol.
const DESCRIBE_GROUPS: i16 = 15;

/// The version of `DescribeGroups` that `rd_kafka_list_groups` uses.
const RAW_VERSION: i16 = 0;

/// The brokers whose connections were ended because librdkafka would have parsed a classic group. A lock guards them, as
/// librdkafka's threads add to them while the thread that owns the client takes them.
#[derive(Debug, Default)]
pub(super) struct ClassicGroupGuard(Mutex<BTreeSet<i32>>);

// === impl ClassicGroupGuard ===

impl ClassicGroupGuard {
    /// Registers the interceptor in `conf`. The clients of `conf` must not outlive this value.
    pub(super) fn install(self: &Arc<Self>, conf: NonNull<rd::rd_kafka_conf_t>) {
        let opaque = Arc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: the configuration is live, and the name is copied. The call fails only for a name that is taken.
        unsafe {
            rd::rd_kafka_conf_interceptor_add_on_new(
                conf.as_ptr(),
                c"classic".as_ptr(),
                Some(on_new),
                opaque,
            )
        };
    }

    /// Returns the node ids of the brokers whose connections were ended since the last call.
    pub(super) fn take_blocked(&self) -> BTreeSet<i32> {
        std::mem::take(&mut *self.brokers())
    }

    /// Locks the set of brokers. A panic under the lock cannot leave the set half changed, so a poisoned lock is used all the
    /// same.
    fn brokers(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds the interceptor for sent requests to a new client. Called by librdkafka while it makes the client.
extern "C" fn on_new(
    rk: *mut rd::rd_kafka_t,
    _conf: *const rd::rd_kafka_conf_t,
    opaque: *mut c_void,
    _why: *mut c_char,
    _why_size: usize,
) -> rd::rd_kafka_resp_err_t {
    // SAFETY: a client that is being made, and the name is copied. Its answer is passed on, so that a client without the
    // interceptor is not made.
    unsafe {
        rd::rd_kafka_interceptor_add_on_request_sent(
            rk,
            c"classic".as_ptr(),
            Some(on_request_sent),
            opaque,
        )
    }
}

/// Ends the connection if the request that was sent is a `DescribeGroups` whose answer librdkafka would parse. Called by
/// librdkafka on the thread of the connection.
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
    if api_key == DESCRIBE_GROUPS && api_version > RAW_VERSION {
        disconnect(socket);
        // SAFETY: the value outlives the client that calls.
        let guard = unsafe { &*opaque.cast_const().cast::<ClassicGroupGuard>() };
        guard.brokers().insert(broker_id);
    }
    rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
