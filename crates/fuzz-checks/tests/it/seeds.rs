//! The seeds of each target, whole and changed. One test for each target, so that they run side by side.

use std::fs;
use std::path::PathBuf;

use fuzz_checks::{TARGETS, run};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::mutation::{changes, mend_checksums, mutate};

macro_rules! targets {
    ($($name:ident: $cases:literal,)*) => {
        $(#[test]
        fn $name() {
            check_target(stringify!($name), $cases);
        })*

        #[test]
        fn every_target_is_tested_and_has_a_fuzz_target() {
            let tested = [$(stringify!($name)),*];
            for (name, _) in TARGETS {
                assert!(tested.contains(&name), "{name} has no test");
                let file = root().join(format!("fuzz/fuzz_targets/{name}.rs"));
                let text = fs::read_to_string(&file).unwrap_or_default();
                assert!(text.contains(&format!("run(\"{name}\"")), "{} does not run it", file.display());
                let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
                assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lacks {name}");
            }
        }
    };
}

// As many mutations as take about a second.
targets! {
    archive: 3_000,
    compression: 600,
    config: 4_000,
    docker_config: 4_000,
    dockerfile: 3_000,
    dockerfile_expand: 6_000,
    dockerignore: 3_000,
    go_template: 3_000,
    manifest: 2_000,
    packages: 3_000,
    reference: 6_000,
    registry_manifest: 2_000,
    registry_request: 6_000,
    registry_s3: 20_000,
    registry_scope: 6_000,
    registry_token: 2_000,
    seccomp: 2_000,
    tar_apply: 600,
    www_authenticate: 10_000,
}

fn check_target(name: &str, cases: u32) {
    let seeds = seeds(name);
    for (file, seed) in &seeds {
        let result = std::panic::catch_unwind(|| run(name, seed));
        assert!(result.is_ok(), "the seed {file} fails: see above");
    }
    let all: Vec<_> = seeds.into_iter().map(|(_, seed)| seed).collect();
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let choice = (proptest::sample::select(all.clone()), changes());
    let result = runner.run(&choice, |(seed, changes)| {
        let mut bytes = mutate(&seed, &changes, &all);
        if name == "tar_apply" {
            mend_checksums(&mut bytes);
        }
        // A panic inside is a failure of this case, and shrunk.
        run(name, &bytes);
        Ok::<(), TestCaseError>(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("fuzz/corpus").join(name);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .expect("a folder of seeds")
        .map(|entry| entry.expect("a seed").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a seed")))
        .collect();
    seeds.sort();
    assert!(
        seeds.len() >= 5,
        "{} has {} seeds",
        folder.display(),
        seeds.len()
    );
    seeds
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
