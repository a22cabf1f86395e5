//! Conversion of C strings to Rust text, and back.

use std::ffi::{CStr, CString, c_char};

/// Copies a C string into Rust text, with replacement characters for what is not UTF-8; empty for NULL. `pointer` must be NULL or
/// point to a C string that outlives the call.
pub(super) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: not NULL, and librdkafka's strings end in NUL; copied before anything can free it.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}

/// Returns a C string exactly as it is; `None` for NULL, and for what is not UTF-8. Used for names that go into another request,
/// where a replacement character would make another name.
///
/// # Safety
/// `pointer` must be NULL or point to a C string that lives as long as `'a`.
pub(super) unsafe fn exact_text<'a>(pointer: *const c_char) -> Option<&'a str> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller promises that `pointer` is a C string that lives as long as `'a`; NULL was checked for.
    unsafe { CStr::from_ptr(pointer) }.to_str().ok()
}

/// Copies Rust text into a C string, up to the first NUL byte. The names that are passed have no NUL byte, because they come from
/// C strings or are legal names of topics.
pub(super) fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}
