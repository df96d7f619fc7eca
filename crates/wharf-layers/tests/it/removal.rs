//! Trees that are hard to remove.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use wharf_layers::remove_tree;

#[test]
fn removes_files_links_and_nothing() {
    let place = tempfile::tempdir().unwrap();
    let parent = fs::File::open(place.path()).unwrap();
    fs::create_dir(place.path().join("kept")).unwrap();
    fs::File::create(place.path().join("kept/file")).unwrap();
    fs::File::create(place.path().join("file")).unwrap();
    std::os::unix::fs::symlink("kept", place.path().join("link")).unwrap();
    fs::create_dir(place.path().join("tree")).unwrap();
    std::os::unix::fs::symlink("../kept", place.path().join("tree/link")).unwrap();
    for name in ["file", "link", "tree", "never"] {
        remove_tree(&parent, name).unwrap();
        assert!(fs::symlink_metadata(place.path().join(name)).is_err());
    }
    assert!(place.path().join("kept/file").exists());
}

#[test]
fn removes_thousands_of_levels_and_wide_folders() {
    let place = tempfile::tempdir().unwrap();
    let parent = fs::File::open(place.path()).unwrap();
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    mkdirat(&parent, "deep", Mode::RWXU).unwrap();
    let mut directory = openat(&parent, "deep", flags, Mode::empty()).unwrap();
    // Deeper than any path can name.
    for level in 0..2_500 {
        mkdirat(&directory, "d", Mode::RWXU).unwrap();
        if level % 500 == 0 {
            mkdirat(&directory, "e", Mode::RWXU).unwrap();
            mkdirat(&directory, ".wharf-removing-1", Mode::RWXU).unwrap();
        }
        directory = openat(&directory, "d", flags, Mode::empty()).unwrap();
    }
    drop(directory);
    fs::create_dir(place.path().join("deep/wide")).unwrap();
    for index in 0..500 {
        fs::File::create(place.path().join(format!("deep/wide/{index:0200}"))).unwrap();
    }
    remove_tree(&parent, "deep").unwrap();
    assert!(!place.path().join("deep").exists());
}

// As root this shows little; `unprivileged.rs` runs it as an ordinary user too.
#[test]
fn removes_what_its_owner_may_not_touch() {
    let place = tempfile::tempdir().unwrap();
    let parent = fs::File::open(place.path()).unwrap();
    let deep = place.path().join("tree").join("d/".repeat(60));
    for mode in [0o000, 0o100, 0o200, 0o400, 0o500, 0o600] {
        fs::create_dir_all(&deep).unwrap();
        fs::File::create(deep.join("file")).unwrap();
        fs::create_dir(deep.join("empty")).unwrap();
        let mut directory = deep.as_path();
        while directory != place.path() {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
            directory = directory.parent().unwrap();
        }
        remove_tree(&parent, "tree").unwrap();
        assert!(!place.path().join("tree").exists(), "{mode:o}");
    }
}
