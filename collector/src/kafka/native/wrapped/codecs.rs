//! The functions that decompress batches.

#[cfg(test)]
mod tests;

use std::arch::global_asm;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::slice;

use crate::kafka::error_code::ErrorCode;
use crate::kafka::native::borrowed_slice;
use crate::kafka::native::decompression::{self, Codec, Refused};

/// librdkafka's code for a batch that cannot be decompressed.
const BAD_COMPRESSION: c_int = ErrorCode::LOCAL_BAD_COMPRESSION.0;

// Weak for the same reason as those of the parent.
global_asm!(
    ".weak __real_rd_kafka_snappy_uncompressed_length",
    ".weak __real_rd_kafka_snappy_uncompress",
    ".weak __real_rd_kafka_snappy_java_uncompress",
);

unsafe extern "C" {
    fn __real_rd_kafka_snappy_uncompressed_length(
        compressed: *const c_char,
        n_compressed: usize,
        n_decompressed: *mut usize,
    ) -> bool;
    fn __real_rd_kafka_snappy_uncompress(
        compressed: *const c_char,
        n_compressed: usize,
        decompressed: *mut c_char,
    ) -> c_int;
    fn __real_rd_kafka_snappy_java_uncompress(
        compressed: *const c_char,
        n_compressed: usize,
        n_decompressed: *mut usize,
        error: *mut c_char,
        n_error: usize,
    ) -> *mut c_char;
}

thread_local! {
    /// The kind of data that this thread decompresses with the next call of `rd_kafka_snappy_uncompress`.
    static SNAPPY_DATA: Cell<SnappyData> = const { Cell::new(SnappyData::Batch) };
}

/// Data in the format of Snappy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SnappyData {
    Batch,
    /// A part of a batch in the framing of the Java library. Records may begin in one chunk and end in another.
    Chunk,
}

/// Decompresses a batch; returns NULL if it is refused.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_gz_decompress(
    compressed: *const c_void,
    n_compressed: c_int,
    n_decompressed: *mut u64,
) -> *mut c_void {
    let n = usize::try_from(n_compressed).unwrap_or_default();
    // SAFETY: librdkafka gives the whole batch, which lives through the call.
    let compressed = unsafe { borrowed_slice(compressed.cast(), n) };
    match decompression::decompress(Codec::Gzip, compressed) {
        Ok(buffer) => {
            let (bytes, n) = buffer.into_raw();
            // SAFETY: the caller's place for the length.
            unsafe { n_decompressed.write(n as u64) };
            bytes
        }
        Err(Refused) => std::ptr::null_mut(),
    }
}

/// Decompresses a batch. Those of message format 0, whose headers have a wrong checksum, are refused.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_lz4_decompress(
    _broker: *mut c_void,
    proper_checksum: c_int,
    _offset: i64,
    compressed: *mut c_char,
    n_compressed: usize,
    decompressed: *mut *mut c_void,
    n_decompressed: *mut usize,
) -> c_int {
    if proper_checksum == 0 {
        return BAD_COMPRESSION;
    }
    // SAFETY: the same arguments.
    unsafe {
        replace(
            Codec::Lz4,
            (compressed, n_compressed),
            decompressed,
            n_decompressed,
        )
    }
}

/// Decompresses a batch.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_zstd_decompress(
    _broker: *mut c_void,
    compressed: *mut c_char,
    n_compressed: usize,
    decompressed: *mut *mut c_void,
    n_decompressed: *mut usize,
) -> c_int {
    // SAFETY: the same arguments.
    unsafe {
        replace(
            Codec::Zstd,
            (compressed, n_compressed),
            decompressed,
            n_decompressed,
        )
    }
}

/// Decompresses a batch with a function of this crate, in the form of librdkafka's functions for LZ4 and Zstandard.
///
/// # Safety
/// The arguments must be those of librdkafka.
unsafe fn replace(
    codec: Codec,
    (compressed, n_compressed): (*const c_char, usize),
    decompressed: *mut *mut c_void,
    n_decompressed: *mut usize,
) -> c_int {
    // SAFETY: librdkafka gives the whole batch, which lives through the call.
    let compressed = unsafe { borrowed_slice(compressed.cast(), n_compressed) };
    match decompression::decompress(codec, compressed) {
        Ok(buffer) => {
            let (bytes, n) = buffer.into_raw();
            // SAFETY: the caller's places for buffer and length.
            unsafe {
                decompressed.write(bytes);
                n_decompressed.write(n);
            }
            0
        }
        Err(Refused) => BAD_COMPRESSION,
    }
}

/// Reads the decompressed length, which stands before the data; returns `false` if it is too large.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_snappy_uncompressed_length(
    compressed: *const c_char,
    n_compressed: usize,
    n_decompressed: *mut usize,
) -> bool {
    // SAFETY: the same arguments, and the length that the call has written.
    unsafe {
        __real_rd_kafka_snappy_uncompressed_length(compressed, n_compressed, n_decompressed)
            && decompression::fits(*n_decompressed)
    }
}

/// Decompresses into a buffer of the length that the function above has accepted. Linkers differ in whether this function is also
/// called for each chunk of a batch in the framing of the Java library.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_snappy_uncompress(
    compressed: *const c_char,
    n_compressed: usize,
    decompressed: *mut c_char,
) -> c_int {
    let mut n = 0;
    // SAFETY: the same arguments; the buffer has the length that the first call reads, and is filled by the second.
    unsafe {
        if !__real_rd_kafka_snappy_uncompressed_length(compressed, n_compressed, &raw mut n) {
            return BAD_COMPRESSION;
        }
        let result = __real_rd_kafka_snappy_uncompress(compressed, n_compressed, decompressed);
        if result != 0 || SNAPPY_DATA.get() == SnappyData::Chunk {
            return result;
        }
        match decompression::admit(slice::from_raw_parts(decompressed.cast(), n)) {
            Ok(()) => 0,
            Err(Refused) => BAD_COMPRESSION,
        }
    }
}

/// Decompresses a batch in the framing of the Java library, if the lengths of its chunks are not too large together.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_snappy_java_uncompress(
    compressed: *const c_char,
    n_compressed: usize,
    n_decompressed: *mut usize,
    error: *mut c_char,
    n_error: usize,
) -> *mut c_char {
    let length_of = |chunk: &[u8]| {
        let mut n = 0;
        // SAFETY: the chunk and the place of its length live through the call.
        unsafe {
            __real_rd_kafka_snappy_uncompressed_length(
                chunk.as_ptr().cast(),
                chunk.len(),
                &raw mut n,
            )
        }
        .then_some(n)
    };
    // SAFETY: librdkafka gives the whole batch, which lives through the call.
    let whole: &[u8] = unsafe { borrowed_slice(compressed.cast(), n_compressed) };
    if decompression::snappy_java_length(whole, length_of).is_none_or(|n| !decompression::fits(n)) {
        // SAFETY: the buffer for the message of the error, which librdkafka prints.
        unsafe { refuse_in_text(error, n_error) };
        return std::ptr::null_mut();
    }
    // SAFETY: the same arguments; what the call returns has the length that it has written, and belongs to this function until
    // the end.
    unsafe {
        SNAPPY_DATA.set(SnappyData::Chunk);
        let bytes = __real_rd_kafka_snappy_java_uncompress(
            compressed,
            n_compressed,
            n_decompressed,
            error,
            n_error,
        );
        SNAPPY_DATA.set(SnappyData::Batch);
        if bytes.is_null() {
            return bytes;
        }
        if decompression::admit(slice::from_raw_parts(bytes.cast(), *n_decompressed)).is_err() {
            libc::free(bytes.cast());
            refuse_in_text(error, n_error);
            return std::ptr::null_mut();
        }
        bytes
    }
}

/// Leaves the text of the error empty.
///
/// # Safety
/// `error` must point to `n_error` bytes.
unsafe fn refuse_in_text(error: *mut c_char, n_error: usize) {
    if n_error > 0 {
        // SAFETY: the caller's promise.
        unsafe { error.write(0) };
    }
}
