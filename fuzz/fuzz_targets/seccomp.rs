//! Fuzzes seccomp profiles.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("seccomp", bytes));
