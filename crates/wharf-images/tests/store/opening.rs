//! Opening a store, good and bad, and seeing it from two handles.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use crate::fixture::{Fixture, ImageSpec, flavour, open, write_file};
use wharf_images::{ImageStore, ListFilter, OpenError, OpenOptions};

#[test]
fn makes_a_store_once_and_finds_it_again() {
    let fixture = Fixture::new();
    let image = fixture.build(&ImageSpec::default(), "1");
    let again = fixture.reopen();
    assert_eq!(again.image(image.id).unwrap(), Some(image));
    assert!(fixture.root().join("layers/empty/fs").is_dir());
}

#[test]
fn many_may_make_the_same_store() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b");
    let now = Arc::new(AtomicI64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| open(&root, &now).list(&ListFilter::default()).unwrap());
        }
    });
}

#[test]
fn refuses_politely() {
    let check = |prepare: &dyn Fn(&std::path::Path), expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let error = ImageStore::open(folder.path(), OpenOptions::new(flavour())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
    };
    check(
        &|root| write_file(&root.join("store.json"), r#"{"format":2,"new":[]}"#),
        "has format 2, this program knows format 1 only",
    );
    check(
        &|root| write_file(&root.join("store.json"), "{"),
        "store.json is damaged",
    );
    check(
        &|root| write_file(&root.join("letter.txt"), "dear"),
        "not empty and not an image store",
    );
    check(
        &|root| {
            drop(ImageStore::open(root, OpenOptions::new(flavour())).unwrap());
            write_file(&root.join("wharf.db"), "this is not a database at all");
        },
        "run `wharf system check --repair`",
    );
}

#[test]
fn a_file_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("file");
    write_file(&root, "");
    let error = ImageStore::open(&root, OpenOptions::new(flavour())).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn a_store_that_stopped_half_made_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    std::fs::create_dir_all(root.join("blobs")).unwrap();
    write_file(&root.join("lock"), "");
    let store = ImageStore::open(&root, OpenOptions::new(flavour())).unwrap();
    assert_eq!(store.list(&ListFilter::default()).unwrap(), []);
    assert!(root.join("store.json").exists());
}

#[test]
fn a_newer_database_is_refused() {
    let fixture = Fixture::new();
    let database = rusqlite::Connection::open(fixture.root().join("wharf.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let error = ImageStore::open(&fixture.root(), OpenOptions::new(flavour())).unwrap_err();
    assert!(error.to_string().contains("has version 99"), "{error}");
}

#[test]
fn a_reader_sees_what_a_writer_does() {
    let fixture = Fixture::new();
    let reader = ImageStore::open(&fixture.root(), OpenOptions::read_only(flavour())).unwrap();
    fixture.build(&ImageSpec::default(), "1");
    assert_eq!(reader.list(&ListFilter::default()).unwrap().len(), 1);
}
