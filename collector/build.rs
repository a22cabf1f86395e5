//! Has the linker put functions of this crate around some of librdkafka's: those of `src/kafka/native/wrapped.rs`.

/// The wrapped functions. Each has a `__wrap_` function in `wrapped.rs`, which may call the original as `__real_`.
const WRAPPED: [&str; 10] = [
    "rd_gz_decompress",
    "rd_kafka_lz4_decompress",
    "rd_kafka_zstd_decompress",
    "rd_kafka_snappy_uncompressed_length",
    "rd_kafka_snappy_uncompress",
    "rd_kafka_snappy_java_uncompress",
    "rd_kafka_msgset_parse",
    "rd_kafka_buf_new_shadow",
    "rd_kafka_op_new_fetch_msg",
    "rd_kafka_msg_destroy",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for function in WRAPPED {
        println!("cargo::rustc-link-arg=-Wl,--wrap={function}");
    }
}
