//! The handover of OAUTHBEARER tokens to the clients of a session.
//!
//! # The reason
//! librdkafka asks for a token by an event in the queue of a client: when the client is made, and at four fifths of the token's life.
//! The owner of the client reads that queue between its calls only, and some calls take as long as a broker lets them. Until there is
//! a token, librdkafka makes no connection, so the first call would wait in vain. Tokens are therefore not handed over when
//! librdkafka asks, but as soon as they are there: to every client that lives then, by the thread that got the token, and to a new
//! client before its first call. librdkafka's requests for a token are read from the queue and dropped.
//!
//! # The lock
//! A [`Mutex`] holds the token and the handles of the living clients, because one thread hands tokens over while another makes and
//! frees clients. A client joins after it was made and leaves before it is freed, so a handle in the list is always live. Under the
//! lock librdkafka copies the token and wakes its threads; it waits for nobody.

use std::ffi::{CString, c_char, c_int};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::bindings as rd;
use shared::config::Secret;
use tracing::debug;

use super::c_string;
use crate::kafka::error_code::ErrorCode;

// The bindings declare the result as a Rust enum, in which an unknown error code would be undefined behaviour. This declaration has
// a plain number.
unsafe extern "C" {
    fn rd_kafka_oauthbearer_set_token(
        rk: *mut rd::rd_kafka_t,
        token: *const c_char,
        expires_ms: i64,
        principal: *const c_char,
        extensions: *mut *const c_char,
        n_extensions: usize,
        why: *mut c_char,
        why_size: usize,
    ) -> c_int;
}

/// A token that clients send to brokers in their logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Token {
    /// The text of the token: printable ASCII without spaces.
    pub(in crate::kafka) value: Secret,
    /// The user that the token names, without NUL; librdkafka shows it in its log.
    pub(in crate::kafka) principal: String,
}

/// The clients of a session that log in with a token, and the token that they have.
#[derive(Debug)]
pub(in crate::kafka) struct TokenHandover {
    /// The SASL extensions that are sent with each token: keys and values in turn.
    extensions: Vec<CString>,
    state: Mutex<HandoverState>,
}

#[derive(Debug, Default)]
struct HandoverState {
    token: Option<Handed>,
    clients: Vec<ClientHandle>,
}

/// The last token, with the end of its life.
#[derive(Debug)]
struct Handed {
    token: Token,
    /// The end of the token's life: Unix time in milliseconds, by the clock of this machine.
    expires_ms: i64,
}

/// The librdkafka handle of a client that has joined and not left, so it is not freed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClientHandle(NonNull<rd::rd_kafka_t>);

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for ClientHandle {}

// === impl TokenHandover ===

impl TokenHandover {
    /// Makes a handover without clients and without a token. `extensions` are sent with each token.
    pub(in crate::kafka) fn new(extensions: &[(String, String)]) -> Self {
        let texts = extensions.iter().flat_map(|(key, value)| [key, value]);
        Self {
            extensions: texts.map(|text| c_string(text)).collect(),
            state: Mutex::default(),
        }
    }

    /// Hands a token to every client that has joined, and keeps it for clients that join later.
    pub(in crate::kafka) fn set(&self, token: Token, expires_ms: i64) {
        let mut state = self.state();
        let handed = Handed { token, expires_ms };
        for client in &state.clients {
            self.hand_over(&handed, *client);
        }
        state.token = Some(handed);
    }

    /// Adds a client, and gives it the token, if there is one. The client must not be freed before it [leaves](Self::leave).
    pub(super) fn join(&self, rk: NonNull<rd::rd_kafka_t>) {
        let mut state = self.state();
        if let Some(handed) = &state.token {
            self.hand_over(handed, ClientHandle(rk));
        }
        state.clients.push(ClientHandle(rk));
    }

    /// Removes a client, which may be freed after this call.
    pub(super) fn leave(&self, rk: NonNull<rd::rd_kafka_t>) {
        self.state()
            .clients
            .retain(|client| *client != ClientHandle(rk));
    }

    fn hand_over(&self, Handed { token, expires_ms }: &Handed, client: ClientHandle) {
        let (value, principal) = (c_string(token.value.expose()), c_string(&token.principal));
        let mut extensions: Vec<_> = self.extensions.iter().map(|text| text.as_ptr()).collect();
        // librdkafka writes the text of an error into this buffer, which is not read because the text may repeat the token.
        let mut why: [c_char; 512] = [0; 512];
        // SAFETY: the client lives as long as it is in the list; the texts live through the call, in which librdkafka copies them.
        let code = ErrorCode(unsafe {
            rd_kafka_oauthbearer_set_token(
                client.0.as_ptr(),
                value.as_ptr(),
                *expires_ms,
                principal.as_ptr(),
                extensions.as_mut_ptr(),
                extensions.len(),
                why.as_mut_ptr(),
                why.len(),
            )
        });
        if code != ErrorCode::NONE {
            // librdkafka refuses a token that has expired since it was got. The fetcher gets the next one in time.
            debug!(code = code.0, "librdkafka does not take the token");
        }
    }

    /// Locks the state. The poison of a panic is ignored, because a panic under the lock leaves list and token whole.
    fn state(&self) -> MutexGuard<'_, HandoverState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
