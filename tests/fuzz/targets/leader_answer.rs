#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| klag_exporter_fuzz::leader_answer::check(bytes));
