//! Killing a process between any two steps that change the disk: afterwards opening the store and
//! collecting garbage leave nothing that `check` could find wrong, and nothing behind.
//!
//! This program starts itself as the process that dies. The scenario is run once for each step; the
//! child aborts at that step, as `kill -9` would end it.

#![expect(
    clippy::print_stdout,
    reason = "a test program without the test harness speaks for itself"
)]

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(test)]
#[expect(dead_code, reason = "the larger part is for the other test program")]
#[path = "store/fixture.rs"]
mod fixture;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("child") => tests::child(&arguments),
        // As other test programs answer when they are asked what they hold.
        Some("--list") => {
            println!("killed_between_any_two_steps: test");
            ExitCode::SUCCESS
        }
        _ => {
            tests::killed_between_any_two_steps();
            println!("test killed_between_any_two_steps ... ok");
            ExitCode::SUCCESS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, AtomicU64, Command, ExitCode, Ordering, Path, Stdio, fixture};
    use fixture::{ImageSpec, flavour, record, reference};
    use wharf_images::{
        CheckOptions, ImageStore, NameRecord, OpenOptions, RemoveOptions, StepHook, Unfinished,
    };

    /// Steps beyond this mean that the scenario does not end.
    const STEPS_LIMIT: u64 = 500;

    pub(super) fn killed_between_any_two_steps() {
        let program = std::env::current_exe().unwrap();
        for step in 1..STEPS_LIMIT {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("store");
            let status = Command::new(&program)
                .args(["child", root.to_str().unwrap(), &step.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            look(&root, step);
            if status.success() {
                println!("died at each of {} steps", step - 1);
                assert!(step > 20, "the scenario has only {step} steps");
                return;
            }
        }
        panic!("the scenario has more than {STEPS_LIMIT} steps");
    }

    /// What everybody after the crash finds.
    fn look(root: &Path, step: u64) {
        let store = ImageStore::open(root, OpenOptions::new(flavour())).unwrap();
        store.collect_garbage(Unfinished::Keep).unwrap();
        let report = store.check(CheckOptions::default(), &mut |_| ()).unwrap();
        assert_eq!(report.problems, [], "killed at step {step}");
        let left = std::fs::read_dir(root.join("removing")).unwrap().count();
        assert_eq!(left, 0, "killed at step {step}");
        // The next process can do everything that the dead one wanted.
        scenario(&store);
        store.collect_garbage(Unfinished::Keep).unwrap();
        let report = store.check(CheckOptions::default(), &mut |_| ()).unwrap();
        assert_eq!(report.problems, [], "killed at step {step}, second run");
        assert_eq!(store.names().unwrap().len(), 1, "killed at step {step}");
        let blobs = store.blobs().list().unwrap().len();
        assert_eq!(
            blobs,
            2 + 2,
            "killed at step {step}: config, manifest, two layers"
        );
    }

    pub(super) fn child(arguments: &[String]) -> ExitCode {
        let [_, _, root, step] = arguments else {
            return ExitCode::FAILURE;
        };
        let last: u64 = step.parse().unwrap();
        let steps = AtomicU64::new(0);
        let mut options = OpenOptions::new(flavour());
        options.step_hook = Some(StepHook(Arc::new(move |_name| {
            if steps.fetch_add(1, Ordering::SeqCst) + 1 == last {
                std::process::abort();
            }
        })));
        let store = ImageStore::open(Path::new(root), options).unwrap();
        scenario(&store);
        ExitCode::SUCCESS
    }

    /// A pull, a pull that moves its tag, a removal of the old image, another pull and its removal.
    fn scenario(store: &ImageStore) {
        let old = pull(store, &ImageSpec::new("app", &["base", "old"]));
        pull(store, &ImageSpec::new("app", &["base", "new"]));
        store
            .remove(&old.to_string(), RemoveOptions::default())
            .unwrap();
        pull(store, &ImageSpec::new("other", &["base", "more"]));
        store.remove("other:1", RemoveOptions::default()).unwrap();
        store.collect_garbage(Unfinished::Keep).unwrap();
    }

    fn pull(store: &ImageStore, spec: &ImageSpec) -> wharf_oci::ImageId {
        let (manifest, image) = record(store, spec);
        let name = NameRecord {
            name: reference(&format!("{}:1", spec.name)),
            target: manifest.descriptor(),
            manifest: manifest.digest(),
            image: image.id,
            updated: store.clock().now(),
        };
        store.set_names(&[name]).unwrap();
        image.id
    }
}
