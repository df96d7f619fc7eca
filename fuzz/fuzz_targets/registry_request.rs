//! Fuzzes paths, queries and headers of requests to the registry.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("registry_request", bytes));
