//! C strings as Rust text, and back.

use std::ffi::{CStr, CString, c_char};

/// A C string as Rust text, with replacement characters for what is not UTF-8; empty for NULL. `pointer` must be NULL or point to
/// a C string that outlives the call.
pub(super) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: not NULL, and librdkafka's strings end in NUL; copied before anything can free it.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}

/// A C string exactly as it is; `None` for NULL, and for what is not UTF-8. For names that go into another request, where a
/// replacement character would make another name.
///
/// # Safety
/// `pointer` must be NULL or point to a C string that lives as long as `'a`.
pub(super) unsafe fn exact_text<'a>(pointer: *const c_char) -> Option<&'a str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }.to_str().ok()
}

/// Rust text as a C string. It would be cut at a NUL byte; names that are passed have none, as they come from C strings or are
/// legal names of topics.
pub(super) fn c_string(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().take_while(|&byte| byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}
