//! Settings of the process itself: its allocator, and its exit.

/// Limits the allocator of glibc to one arena, so that memory that one thread frees can be used by another. Must be called before
/// any thread is started; does nothing with other C libraries.
pub fn one_arena() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "the allocator has no other door")]
        // SAFETY: `mallopt` takes two integers; no other thread allocates yet.
        let taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
        debug_assert_eq!(taken, 1, "glibc takes M_ARENA_MAX");
    }
}

/// Ends the process with `status` at once. Exit handlers of C libraries do not run: OpenSSL's would free memory that librdkafka's
/// threads still use, and those threads are not joined.
pub fn leave(status: u8) -> ! {
    #[expect(unsafe_code, reason = "std knows no exit without handlers but abort")]
    // SAFETY: `_exit` takes an integer and does not return.
    unsafe {
        libc::_exit(i32::from(status))
    }
}
