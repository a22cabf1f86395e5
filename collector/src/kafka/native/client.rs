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
use super::{ClientNotice, Queue, TokenHandover, text};
use crate::kafka::properties::Properties;

/// One librdkafka consumer that never subscribes and never commits. Its calls block. One thread owns it, and may lend it to
/// threads that end before it does.
pub(in crate::kafka) struct Client {
    pub(super) rk: NonNull<rd::rd_kafka_t>,
    /// The queue that logs, errors and records come to.
    pub(super) events: Queue,
    /// The mask that hides secrets in librdkafka's messages.
    pub(super) mask: Mask,
    /// The handover that gives this client its tokens; `None` where the login needs no token or librdkafka makes unsecured ones itself.
    tokens: Option<Arc<TokenHandover>>,
    /// The fence that opens the client's sockets. `Drop` destroys the handle `rk`, which refers to the fence, before this field
    /// is dropped.
    #[expect(dead_code, reason = "the handle refers to it")]
    fence: Arc<Fence>,
    /// The guard that ends connections before a classic group is parsed. `Drop` destroys the handle `rk`, which refers to the
    /// guard, before this field is dropped.
    classic_group_guard: Arc<ClassicGroupGuard>,
}

/// The error that kept librdkafka from making a client. The messages are without secrets.
#[derive(Debug, thiserror::Error)]
pub(in crate::kafka) enum CreateError {
    /// librdkafka refuses the property `name`, because of `why`.
    #[error("librdkafka refuses {name:?}: {why}")]
    Property { name: String, why: String },
    /// Each property is right by itself, but they contradict each other, or a file that one names cannot be read.
    #[error("librdkafka cannot make a client: {text}")]
    Client { text: String },
    /// A file that the property `name` names cannot be read.
    #[error("{name:?}: {path}: {why}; mount the file there, or write the path that it has")]
    File {
        name: &'static str,
        path: String,
        why: String,
    },
    /// A property of the login with tokens is wrong. The collector itself reads that property; librdkafka is not given it.
    #[error("{text}")]
    Login { text: String },
}

// === impl Client ===

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Client {}
// SAFETY: librdkafka's handles may be used from several threads at once; see its INTRODUCTION.md, "Threads and callbacks".
unsafe impl Sync for Client {}

impl Client {
    /// Makes a client with these properties, which must contain a `group.id`, behind `fence`. Connects to nothing yet.
    ///
    /// # Errors
    /// librdkafka refuses a property, a combination of properties, or a file that a property names.
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
        // On success the client owns the configuration. On failure librdkafka has freed the interceptors in it and left a pointer
        // to them (the label `fail` of `rd_kafka_new`), so destroying it would free them twice. Some kilobytes are lost then.
        std::mem::forget(conf);
        let Some(rk) = NonNull::new(rk) else {
            return Err(CreateError::Client {
                text: properties.mask().hide(&text(why.as_ptr())),
            });
        };
        // SAFETY: a live consumer. The code is ignored: the call only fails for handles that are no consumers.
        unsafe { rd::rd_kafka_poll_set_consumer(rk.as_ptr()) };
        // SAFETY: a live consumer has a consumer queue; this call adds a reference that `Queue` gives back.
        let events = unsafe { rd::rd_kafka_queue_get_consumer(rk.as_ptr()) };
        let events = NonNull::new(events).expect("a consumer has a queue");
        // SAFETY: both live. Logs, errors and records then come from the one queue that is polled.
        unsafe { rd::rd_kafka_set_log_queue(rk.as_ptr(), events.as_ptr()) };
        let tokens = properties.tokens().cloned();
        if let Some(tokens) = &tokens {
            tokens.join(rk);
        }
        Ok(Self {
            rk,
            events: Queue(events),
            mask: properties.mask().clone(),
            tokens,
            fence: Arc::clone(fence),
            classic_group_guard,
        })
    }

    /// Returns the node ids of the brokers whose connection was ended since the last call because librdkafka would have parsed a
    /// classic group.
    pub(in crate::kafka) fn take_blocked_brokers(&self) -> BTreeSet<i32> {
        self.classic_group_guard.take_blocked()
    }

    /// Returns the notices since the last call, without waiting. The owner calls this often, because librdkafka makes its unsecured
    /// tokens during the call.
    pub(in crate::kafka) fn notices(&self) -> Vec<ClientNotice> {
        std::iter::from_fn(|| self.events.poll(Duration::ZERO))
            .filter_map(|event| event.notice(&self.mask))
            .collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(tokens) = &self.tokens {
            tokens.leave(self.rk);
        }
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
