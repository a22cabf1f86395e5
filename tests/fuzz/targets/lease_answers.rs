#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| klag_exporter_fuzz::lease_answers::check(bytes));
