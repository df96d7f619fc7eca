//! Fuzzes databases of package managers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("packages", bytes));
