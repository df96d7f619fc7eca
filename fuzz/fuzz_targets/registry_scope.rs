//! Fuzzes the scopes of a request for a token.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("registry_scope", bytes));
