//! Fuzzes manifests that are pushed to the registry.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("registry_manifest", bytes));
