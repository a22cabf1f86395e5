//! What is asked of the process itself: how it allocates, and how it ends.

/// Makes the allocator of glibc keep one arena, so that what one thread frees another can use. To be called before any thread
/// is started; does nothing on other C libraries.
pub fn one_arena() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "the allocator has no other door")]
        // SAFETY: `mallopt` takes two integers; no other thread allocates yet.
        let taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
        debug_assert_eq!(taken, 1, "glibc takes M_ARENA_MAX");
    }
}

/// Ends the process with `status` now. Handlers that C libraries have registered for the exit do not run: OpenSSL's would free
/// what librdkafka's threads, which nobody waits for, still use.
pub fn leave(status: u8) -> ! {
    #[expect(unsafe_code, reason = "std knows no exit without handlers but abort")]
    // SAFETY: `_exit` takes an integer and does not return.
    unsafe {
        libc::_exit(i32::from(status))
    }
}
