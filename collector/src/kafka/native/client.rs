//! The client: one librdkafka consumer that never subscribes.

use std::collections::BTreeSet;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;
use shared::config::Mask;

use super::classic_group_guard::ClassicGroupGuard;
use super::conf::Conf;
use super::fence::Fence;
use super::text;
use super::{Notice, Queue};
use crate::kafka::properties::Properties;

/// One librdkafka consumer that never subscribes and never commits. Blocking; owned by one thread, which may lend it to
/// threads that it outlives.
pub(in crate::kafka) struct Client {
    pub(super) rk: NonNull<rd::rd_kafka_t>,
    pub(super) events: Queue,
    pub(super) mask: Mask,
    /// What its sockets are opened by; dropped after the handle.
    #[expect(dead_code, reason = "the handle refers to it")]
    fence: Arc<Fence>,
    /// The handle refers to them too.
    classic_group_guard: Arc<ClassicGroupGuard>,
}

/// librdkafka refused a property, or could not make a client. Its words are without secrets.
#[derive(Debug, thiserror::Error)]
pub(in crate::kafka) enum CreateError {
    /// A property was refused.
    #[error("librdkafka refuses {name:?}: {why}")]
    Property { name: String, why: String },
    /// All properties are right one by one, but not together, or a file they name cannot be read.
    #[error("librdkafka cannot make a client: {text}")]
    Client { text: String },
}

// === impl Client ===

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Client {}
// SAFETY: librdkafka's handles may be used from several threads at once; see its INTRODUCTION.md, "Threads and callbacks".
unsafe impl Sync for Client {}

impl Client {
    /// A client with these properties, which must contain a `group.id`, behind `fence`.
    ///
    /// # Errors
    /// The property or the combination that librdkafka refuses.
    pub(in crate::kafka) fn create(
        properties: &Properties,
        fence: &Arc<Fence>,
    ) -> Result<Self, CreateError> {
        let conf = Conf::of(properties)?;
        fence.install(conf.0);
        let classic_group_guard = Arc::<ClassicGroupGuard>::default();
        classic_group_guard.install(conf.0);
        let mut why = [0; 512];
        // SAFETY: `conf` is valid; ownership passes only on success.
        let rk = unsafe {
            rd::rd_kafka_new(
                rd::rd_kafka_type_t::RD_KAFKA_CONSUMER,
                conf.0.as_ptr(),
                why.as_mut_ptr(),
                why.len(),
            )
        };
        // Either the client owns the configuration, or librdkafka has freed its interceptors and leaves a pointer to them in it
        // (the label `fail` of `rd_kafka_new`): to destroy it would free them twice. Some kilobytes are lost with a wrong property.
        std::mem::forget(conf);
        let Some(rk) = NonNull::new(rk) else {
            return Err(CreateError::Client {
                text: properties.mask().hide(&text(why.as_ptr())),
            });
        };
        // SAFETY: a live consumer. The code is not looked at: it only fails for handles that are no consumers.
        unsafe { rd::rd_kafka_poll_set_consumer(rk.as_ptr()) };
        // SAFETY: a live consumer has a consumer queue; this call adds a reference that `Queue` gives back.
        let events = unsafe { rd::rd_kafka_queue_get_consumer(rk.as_ptr()) };
        let events = NonNull::new(events).expect("a consumer has a queue");
        // SAFETY: both live. Logs, errors and records then come from the one queue that is polled.
        unsafe { rd::rd_kafka_set_log_queue(rk.as_ptr(), events.as_ptr()) };
        Ok(Self {
            rk,
            events: Queue(events),
            mask: properties.mask().clone(),
            fence: Arc::clone(fence),
            classic_group_guard,
        })
    }

    /// Brokers on which librdkafka wanted to parse a classic group since the last call. Their connections were ended instead.
    pub(in crate::kafka) fn take_blocked_brokers(&self) -> BTreeSet<i32> {
        self.classic_group_guard.take_blocked()
    }

    /// What happened since the last call, without waiting. Must be called often: token refresh runs in it.
    pub(in crate::kafka) fn notices(&self) -> Vec<Notice> {
        std::iter::from_fn(|| self.events.poll(Duration::ZERO))
            .filter_map(|event| event.notice(&self.mask))
            .collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the last use of the handle. The client never joined a group, so there is nothing to leave.
        unsafe {
            rd::rd_kafka_destroy_flags(self.rk.as_ptr(), rd::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        };
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
