//! Settings of the process itself: its allocator, and its exit.

/// Sets the allocator of glibc up for what librdkafka does: it allocates many small values on one thread and frees them on
/// another. Must be called before any thread is started; does nothing with other C libraries.
///
/// With one arena, memory that one thread frees can be used by another. Without fast bins, small values are merged with free
/// neighbours when they are freed. With them, all free values would be merged again and again, whenever a larger value is
/// allocated, which took about 8 % of the CPU time of a collection.
pub fn set_up_allocator() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [(libc::M_ARENA_MAX, 1), (libc::M_MXFAST, 0)] {
        #[expect(unsafe_code, reason = "the allocator has no other door")]
        // SAFETY: `mallopt` takes two integers; no other thread allocates yet.
        let taken = unsafe { libc::mallopt(parameter, value) };
        debug_assert_eq!(taken, 1, "glibc takes the parameter {parameter}");
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
