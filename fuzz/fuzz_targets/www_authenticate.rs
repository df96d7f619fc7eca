//! Fuzzes the challenges of registries.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("www_authenticate", bytes));
