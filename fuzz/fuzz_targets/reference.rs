//! Fuzzes names, digests, platforms and patterns.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("reference", bytes));
