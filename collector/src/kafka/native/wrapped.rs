//! Functions that the linker puts in the place of librdkafka's own, so that no answer to a Fetch takes memory without bound.
//!
//! `build.rs` has the linker replace every call of `rd_x` between two of librdkafka's files by a call of `__wrap_rd_x`, and every
//! use of `__real_rd_x` by the original. librdkafka has no setting for either bound: it decompresses a batch whatever its size, and
//! makes an operation of several hundred bytes for each record. A program of another crate that links this crate without that
//! option keeps librdkafka's own functions; these are never called there, and the originals that they name need not exist.
//!
//! The wrappers rely on the signatures of librdkafka's internal functions. These were read in the version that `Cargo.lock` names;
//! the tests of `decompression` and of the stand-in call every one of them.

mod codecs;
#[cfg(test)]
mod tests;

use std::arch::global_asm;
use std::ffi::{c_int, c_void};

use rdkafka::bindings as rd;

use super::record_memory;

/// librdkafka's `rd_kafka_fetch_pos_t`, which is passed by value.
#[derive(Clone, Copy)]
#[repr(C)]
struct FetchPosition {
    offset: i64,
    leader_epoch: i32,
    validated: u8,
}

// Weak, so that programs without the option of the linker can be linked.
global_asm!(
    ".weak __real_rd_kafka_msgset_parse",
    ".weak __real_rd_kafka_buf_new_shadow",
    ".weak __real_rd_kafka_op_new_fetch_msg",
    ".weak __real_rd_kafka_msg_destroy",
);

unsafe extern "C" {
    fn __real_rd_kafka_msgset_parse(
        answer: *mut c_void,
        request: *mut c_void,
        partition: *mut c_void,
        aborted: *mut c_void,
        version: *const c_void,
    ) -> c_int;
    fn __real_rd_kafka_buf_new_shadow(
        bytes: *const c_void,
        n: usize,
        free: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> *mut c_void;
    fn __real_rd_kafka_op_new_fetch_msg(
        message: *mut *mut c_void,
        partition: *mut c_void,
        version: i32,
        buffer: *mut c_void,
        position: FetchPosition,
        n_key: usize,
        key: *const c_void,
        n_value: usize,
        value: *const c_void,
    ) -> *mut c_void;
    fn __real_rd_kafka_msg_destroy(client: *mut c_void, message: *mut rd::rd_kafka_message_t);
}

/// Parses what an answer has of one partition, when there is room for its records.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_msgset_parse(
    answer: *mut c_void,
    request: *mut c_void,
    partition: *mut c_void,
    aborted: *mut c_void,
    version: *const c_void,
) -> c_int {
    record_memory::parse(|| {
        // SAFETY: the same arguments.
        unsafe { __real_rd_kafka_msgset_parse(answer, request, partition, aborted, version) }
    })
}

/// Makes a buffer around bytes that it frees. Those of a decompressed batch are counted until then.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_buf_new_shadow(
    bytes: *const c_void,
    n: usize,
    free: Option<unsafe extern "C" fn(*mut c_void)>,
) -> *mut c_void {
    let free = if record_memory::is_parsing() {
        // SAFETY: librdkafka makes such buffers while it parses around memory of `malloc` alone, which `free` gets.
        record_memory::count_new_bytes(unsafe { libc::malloc_usable_size(bytes.cast_mut()) });
        Some(free_batch as unsafe extern "C" fn(*mut c_void))
    } else {
        free
    };
    // SAFETY: the same arguments, but for the function that frees the same memory.
    unsafe { __real_rd_kafka_buf_new_shadow(bytes, n, free) }
}

/// Frees the memory of a decompressed batch.
unsafe extern "C" fn free_batch(bytes: *mut c_void) {
    // SAFETY: the memory is of `malloc`, and this is its last use.
    unsafe {
        record_memory::count_freed_bytes(libc::malloc_usable_size(bytes));
        libc::free(bytes);
    }
}

/// Makes the operation of one record, and counts it.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_op_new_fetch_msg(
    message: *mut *mut c_void,
    partition: *mut c_void,
    version: i32,
    buffer: *mut c_void,
    position: FetchPosition,
    n_key: usize,
    key: *const c_void,
    n_value: usize,
    value: *const c_void,
) -> *mut c_void {
    record_memory::count_new_record();
    // SAFETY: the same arguments; the call has written where the message is.
    unsafe {
        let operation = __real_rd_kafka_op_new_fetch_msg(
            message, partition, version, buffer, position, n_key, key, n_value, value,
        );
        mark((*message).cast());
        operation
    }
}

/// Marks the message of a record, in a field that is NULL until the program takes the message, and the operation from then on.
/// librdkafka reads the field of messages that were taken only. An error has a message too, which is never taken, and some linkers
/// do not let this crate see the record at the end of a transaction: those are not marked.
///
/// # Safety
/// `message` must be live.
unsafe fn mark(message: *mut rd::rd_kafka_message_t) {
    // SAFETY: the caller's promise.
    unsafe { (*message)._private = message.cast() };
}

/// Frees the message of an operation, and counts it if it was counted when it was made.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_msg_destroy(
    client: *mut c_void,
    message: *mut rd::rd_kafka_message_t,
) {
    // SAFETY: a live message.
    let is_marked = unsafe { !(*message)._private.is_null() };
    if client.is_null() && is_marked {
        record_memory::count_freed_record();
    }
    // SAFETY: the same arguments.
    unsafe { __real_rd_kafka_msg_destroy(client, message) }
}
