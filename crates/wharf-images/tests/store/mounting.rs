//! Mounting images. What needs root carries the prefix `privileged_` and says so when it is skipped.

use std::path::{Path, PathBuf};

use crate::fixture::{Fixture, ImageSpec};
use wharf_images::{MountError, MountMode, RemoveOptions, UnmountError};

const READ_ONLY: MountMode = MountMode::ReadOnly;

/// Whether this process may mount; says so if not.
fn may_mount(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIPPED {test}: mounting needs root");
    }
    root
}

fn target(fixture: &Fixture) -> PathBuf {
    let path = fixture.folder.path().join("mnt");
    std::fs::create_dir_all(&path).unwrap();
    path.canonicalize().unwrap()
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn privileged_shows_the_union_read_only() {
    if !may_mount("privileged_shows_the_union_read_only") {
        return;
    }
    let fixture = Fixture::new();
    let image = fixture.build(&ImageSpec::new("app", &["a", "b", "a"]), "1");
    let target = target(&fixture);
    let mounted = fixture.store.mount(image.id, &target, &READ_ONLY).unwrap();
    assert_eq!(names(&target), ["a", "b"]);
    let error = std::fs::File::create(target.join("new")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    assert_eq!(
        fixture.reopen().mounts().unwrap(),
        std::slice::from_ref(&mounted)
    );

    let again = fixture
        .store
        .mount(image.id, &target, &READ_ONLY)
        .unwrap_err();
    assert!(matches!(again, MountError::Occupied(_)), "{again}");
    let force = RemoveOptions {
        force: true,
        keep_parents: false,
    };
    let error = fixture.store.remove(&image.id.short(), force).unwrap_err();
    let text = format!(
        "conflict: unable to delete {} (cannot be forced) - image is mounted at {}",
        image.id.short(),
        target.display()
    );
    assert_eq!(error.to_string(), text);

    assert_eq!(fixture.store.unmount(&target).unwrap(), mounted);
    assert_eq!(names(&target), [""; 0]);
    let gone = fixture.store.unmount(&target).unwrap_err();
    assert!(matches!(gone, UnmountError::NotMounted(_)), "{gone}");
    fixture
        .store
        .remove("app:1", RemoveOptions::default())
        .unwrap();
}

#[test]
fn privileged_one_layer_and_none() {
    if !may_mount("privileged_one_layer_and_none") {
        return;
    }
    let fixture = Fixture::new();
    let target = target(&fixture);
    for (layers, expected) in [(&["a"][..], &["a"][..]), (&[], &[])] {
        let image = fixture.dangling(&ImageSpec::new("small", layers));
        fixture.store.mount(image.id, &target, &READ_ONLY).unwrap();
        assert_eq!(names(&target), expected);
        assert!(std::fs::File::create(target.join("new")).is_err());
        fixture.store.unmount(&target).unwrap();
    }
}

#[test]
fn privileged_changes_go_to_the_upper_folder() {
    if !may_mount("privileged_changes_go_to_the_upper_folder") {
        return;
    }
    let fixture = Fixture::new();
    let target = target(&fixture);
    let folder = |name: &str| {
        let path = fixture.folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let mode = MountMode::Writable {
        upper: folder("upper"),
        work: folder("work"),
    };
    for layers in [&["a", "b"][..], &["a"], &[]] {
        let image = fixture.dangling(&ImageSpec::new("app", layers));
        let mounted = fixture.store.mount(image.id, &target, &mode).unwrap();
        assert!(mounted.writable);
        std::fs::File::create(target.join("new")).unwrap();
        assert!(fixture.folder.path().join("upper/new").exists());
        fixture.store.unmount(&target).unwrap();
    }
}

#[test]
fn privileged_two_hundred_layers() {
    if !may_mount("privileged_two_hundred_layers") {
        return;
    }
    let fixture = Fixture::new();
    let files: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    let layers: Vec<&str> = files.iter().map(String::as_str).collect();
    let image = fixture.dangling(&ImageSpec::new("tower", &layers));
    let target = target(&fixture);
    fixture.store.mount(image.id, &target, &READ_ONLY).unwrap();
    assert_eq!(names(&target), files);
    fixture.store.unmount(&target).unwrap();
}

#[test]
fn privileged_a_store_in_a_very_deep_folder() {
    if !may_mount("privileged_a_store_in_a_very_deep_folder") {
        return;
    }
    let fixture = Fixture::new();
    let root = fixture.folder.path().join("deep/".repeat(80));
    let store = crate::fixture::open(&root, &fixture.now);
    let (_, image) = crate::fixture::record(&store, &ImageSpec::new("app", &["a", "b"]));
    let target = target(&fixture);
    store.mount(image.id, &target, &READ_ONLY).unwrap();
    assert_eq!(names(&target), ["a", "b"]);
    store.unmount(&target).unwrap();
}

#[test]
fn privileged_a_record_without_its_mount_holds_nothing() {
    if !may_mount("privileged_a_record_without_its_mount_holds_nothing") {
        return;
    }
    let fixture = Fixture::new();
    let image = fixture.build(&ImageSpec::new("app", &["a"]), "1");
    let target = target(&fixture);
    fixture.store.mount(image.id, &target, &READ_ONLY).unwrap();
    // As a reboot would, or a person with `umount`.
    rustix::mount::unmount(&target, rustix::mount::UnmountFlags::empty()).unwrap();
    assert_eq!(fixture.store.mounts().unwrap(), []);
    fixture
        .store
        .remove("app:1", RemoveOptions::default())
        .unwrap();
}

#[test]
fn privileged_a_folder_in_use_is_not_unmounted() {
    if !may_mount("privileged_a_folder_in_use_is_not_unmounted") {
        return;
    }
    let fixture = Fixture::new();
    let image = fixture.build(&ImageSpec::new("app", &["a"]), "1");
    let target = target(&fixture);
    fixture.store.mount(image.id, &target, &READ_ONLY).unwrap();
    let open = std::fs::File::open(target.join("a")).unwrap();
    let error = fixture.store.unmount(&target).unwrap_err();
    assert!(matches!(error, UnmountError::Busy { .. }), "{error}");
    drop(open);
    fixture.store.unmount(&target).unwrap();
}

#[test]
fn bad_targets_are_named() {
    let fixture = Fixture::new();
    let image = fixture.build(&ImageSpec::new("app", &["a"]), "1");
    let nowhere = fixture.folder.path().join("nowhere");
    let error = fixture
        .store
        .mount(image.id, &nowhere, &READ_ONLY)
        .unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let file = fixture.folder.path().join("file");
    crate::fixture::write_file(&file, "");
    let error = fixture
        .store
        .mount(image.id, &file, &READ_ONLY)
        .unwrap_err();
    assert!(matches!(error, MountError::Target { .. }), "{error}");
    let error = fixture.store.unmount(&nowhere).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
