//! A buffer of bytes that librdkafka can take over: it frees with `free`, so the memory comes from `malloc`.

use std::ffi::c_void;
use std::ptr::NonNull;

/// Bytes, and room for more.
#[derive(Debug)]
pub(in crate::kafka::native) struct Buffer {
    /// The memory, which has `capacity` bytes, all of them initialised.
    memory: NonNull<u8>,
    capacity: usize,
    /// The number of bytes that were written, from the beginning.
    len: usize,
}

// === impl Buffer ===

impl Buffer {
    /// Returns an empty buffer with room for this many bytes, which must not be 0; `None` if there is no memory.
    pub(super) fn with_room_for(capacity: usize) -> Option<Self> {
        // SAFETY: any size may be asked for; the result is checked.
        let memory = NonNull::new(unsafe { libc::malloc(capacity) })?.cast();
        // SAFETY: the memory has this many bytes.
        unsafe { memory.write_bytes(0, capacity) };
        Some(Self {
            memory,
            capacity,
            len: 0,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        // SAFETY: the buffer owns the memory, which is initialised, and `len` is not above `capacity`.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.len) }
    }

    /// Returns the room after the bytes.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        // SAFETY: the buffer owns the memory, which is initialised.
        let all = unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr(), self.capacity) };
        &mut all[self.len..]
    }

    /// Counts `n` bytes that were written to the room after the others.
    pub(super) fn extend_by(&mut self, n: usize) {
        self.len = self.capacity.min(self.len + n);
    }

    /// Doubles the room, up to `most` bytes altogether. Returns `false` if there is no memory, or as much as `most` already.
    pub(super) fn grow(&mut self, most: usize) -> bool {
        let capacity = most.min(2 * self.capacity);
        if capacity <= self.capacity || !self.resize(capacity) {
            return false;
        }
        let added = capacity - self.capacity;
        // SAFETY: the memory has `capacity` bytes now; those that were added are not initialised yet.
        unsafe { self.memory.add(self.capacity).write_bytes(0, added) };
        self.capacity = capacity;
        true
    }

    /// Hands the bytes over, with their number. The caller frees them with `free`.
    pub(in crate::kafka::native) fn into_raw(mut self) -> (*mut c_void, usize) {
        // A failure leaves the larger memory, which does as well.
        self.resize(self.len.max(1));
        let parts = (self.memory.as_ptr().cast(), self.len);
        std::mem::forget(self);
        parts
    }

    /// Changes the size of the memory alone.
    fn resize(&mut self, capacity: usize) -> bool {
        // SAFETY: the memory is of `malloc`, and not used through the old pointer unless the call fails.
        let memory = unsafe { libc::realloc(self.memory.as_ptr().cast(), capacity) };
        match NonNull::new(memory) {
            Some(memory) => {
                self.memory = memory.cast();
                true
            }
            None => false,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the last use of the memory, which is of `malloc`.
        unsafe { libc::free(self.memory.as_ptr().cast()) };
    }
}
