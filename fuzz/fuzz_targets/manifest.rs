//! Fuzzes manifests and indexes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("manifest", bytes));
