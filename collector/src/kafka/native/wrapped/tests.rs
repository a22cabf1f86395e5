use std::sync::PoisonError;

use super::*;
use crate::kafka::native::decompression::ALONE;

#[test]
fn only_a_message_that_was_counted_as_made_is_counted_as_freed() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = record_memory::n_records();
    record_memory::count_new_record();
    // The message of an error, as librdkafka makes it: longer than the part that the bindings know, and all zero.
    let mut message = [0_u64; 64];
    let message = message.as_mut_ptr().cast::<rd::rd_kafka_message_t>();
    // SAFETY: the message lives through the calls, which free nothing that it owns.
    unsafe { __wrap_rd_kafka_msg_destroy(std::ptr::null_mut(), message) };
    assert_eq!(record_memory::n_records(), before + 1);
    // SAFETY: a live message.
    unsafe { mark(message) };
    // SAFETY: the same as before.
    unsafe { __wrap_rd_kafka_msg_destroy(std::ptr::null_mut(), message) };
    assert_eq!(record_memory::n_records(), before);
}
