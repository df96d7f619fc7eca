//! `system check`: damage of every kind is found, and what can be repaired is.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crate::fixture::{Fixture, ImageSpec, layer_tar, record, reference, write_file};
use jiff::Timestamp;
use wharf_images::{
    CheckEvent, CheckOptions, CheckReport, Clock, DifferenceKind, ImageStore, ListFilter,
    OpenError, OpenOptions, Problem, Unfinished,
};
use wharf_oci::{DiffId, Digest};

const LOOK: CheckOptions = CheckOptions { repair: false };
const REPAIR: CheckOptions = CheckOptions { repair: true };

fn check(store: &ImageStore, options: CheckOptions) -> CheckReport {
    store.check(options, &mut |_| ()).unwrap()
}

fn problems(report: &CheckReport) -> Vec<&Problem> {
    report.problems.iter().map(|found| &found.problem).collect()
}

/// Two images with a common layer, unpacked as a pull unpacks them.
fn filled() -> Fixture {
    let fixture = Fixture::new();
    let one = ImageSpec {
        labels: &[("k", "v")],
        ..ImageSpec::new("one", &["base", "top"])
    };
    fixture.pull(&one, "1");
    fixture.pull(&ImageSpec::new("two", &["base"]), "1");
    fixture
}

fn diff_id(file: &str) -> DiffId {
    DiffId::new(Digest::of(&layer_tar(file)))
}

fn layer(fixture: &Fixture, file: &str) -> PathBuf {
    let hex = diff_id(file).digest().hex();
    fixture.root().join("layers").join(format!("sha256-{hex}"))
}

fn options(fixture: &Fixture) -> OpenOptions {
    let now = std::sync::Arc::clone(&fixture.now);
    let mut options = OpenOptions::new(crate::fixture::flavour());
    options.clock =
        Clock::from_fn(move || Timestamp::from_second(now.load(Ordering::SeqCst)).unwrap());
    options
}

#[test]
fn a_sound_store_is_called_sound() {
    let fixture = filled();
    let mut events = Vec::new();
    let report = fixture
        .store
        .check(LOOK, &mut |event| events.push(event))
        .unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.images, report.layers, report.blobs), (2, 2, 6));
    assert!(report.is_sound() && report.blob_bytes > 2048);
    assert_eq!(
        events.first(),
        Some(&CheckEvent::Started {
            blobs: 6,
            layers: 2
        })
    );
    assert_eq!(events.len(), 1 + 6 + 2);
}

#[test]
fn changed_missing_and_additional_files_are_found_and_put_right() {
    let fixture = filled();
    let file = layer(&fixture, "base").join("fs/base");
    for (damage, kind) in [
        (
            &(|| write_file(&file, "BASE")) as &dyn Fn(),
            DifferenceKind::Time,
        ),
        (&(|| write_file(&file, "bas")), DifferenceKind::Size),
        (
            &(|| std::fs::remove_file(&file).unwrap()),
            DifferenceKind::Missing,
        ),
        (
            &(|| write_file(&file.with_file_name("extra"), "")),
            DifferenceKind::Extra,
        ),
    ] {
        damage();
        let report = check(&fixture.store, LOOK);
        let [
            Problem::DamagedLayer {
                diff_id: id,
                differences,
            },
        ] = problems(&report)[..]
        else {
            panic!("{report:?}");
        };
        assert_eq!((*id, differences[0].kind), (diff_id("base"), kind));
        assert!(!report.is_sound());
        assert!(check(&fixture.store, REPAIR).is_sound());
        assert_eq!(check(&fixture.store, LOOK).problems, []);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "base");
}

#[test]
fn missing_layers_are_unpacked_again() {
    let fixture = filled();
    std::fs::remove_dir_all(layer(&fixture, "top")).unwrap();
    write_file(&layer(&fixture, "base").join("layer.json"), "{");
    let report = check(&fixture.store, REPAIR);
    assert_eq!(report.problems.len(), 2, "{report:?}");
    assert!(report.is_sound());
    assert!(layer(&fixture, "top").join("fs/top").exists());
    assert_eq!(check(&fixture.store, LOOK).problems, []);
}

#[test]
fn a_damaged_blob_is_removed_and_its_image_named() {
    let fixture = filled();
    let blob = fixture.store.blobs().path(diff_id("top").digest());
    write_file(&blob, "rubbish");
    let report = check(&fixture.store, REPAIR);
    let [
        Problem::DamagedBlob { digest, .. },
        missing @ Problem::MissingBlob { .. },
    ] = problems(&report)[..]
    else {
        panic!("{report:?}");
    };
    assert_eq!(digest, diff_id("top").digest());
    assert!(
        missing.to_string().ends_with("pull or load one:1 again"),
        "{missing}"
    );
    assert!(!report.is_sound() && !blob.exists());
    // The tree is as good as before.
    assert!(layer(&fixture, "top").join("fs/top").exists());
    // Doing what the text says helps.
    record(
        &fixture.store,
        &ImageSpec {
            labels: &[("k", "v")],
            ..ImageSpec::new("one", &["base", "top"])
        },
    );
    assert_eq!(check(&fixture.store, LOOK).problems, []);
}

#[test]
fn wrong_records_are_written_again() {
    let fixture = filled();
    let database = rusqlite::Connection::open(fixture.root().join("wharf.db")).unwrap();
    database
        .execute("UPDATE images SET size = size + 1, labels = NULL", [])
        .unwrap();
    database
        .execute("UPDATE layers SET entries = 77", [])
        .unwrap();
    let gone = Digest::of(b"gone");
    database
        .execute(
            "INSERT INTO names SELECT 'docker.io/library/lost', 'x', '', target, target_media_type, \
             target_size, manifest, ?1, updated_unix FROM names LIMIT 1",
            [gone.to_string()],
        )
        .unwrap();
    let report = check(&fixture.store, REPAIR);
    assert_eq!(report.problems.len(), 2 + 2 + 1, "{report:?}");
    assert!(report.is_sound());
    assert_eq!(check(&fixture.store, LOOK).problems, []);
    assert_eq!(fixture.store.name(&reference("lost:x")).unwrap(), None);
    let image = fixture.store.resolve_text("one:1").unwrap().image;
    assert_eq!((image.size, image.labels.len()), (7, 1));
}

#[test]
fn a_lost_database_is_rebuilt_with_its_names() {
    for damage in ["lost", "rubbish", "truncated"] {
        let fixture = filled();
        let before = fixture.store.list(&ListFilter::default()).unwrap();
        let names = fixture.store.names().unwrap();
        let root = fixture.root();
        std::fs::remove_dir_all(layer(&fixture, "top")).unwrap();
        let options = || options(&fixture);
        let path = root.join("wharf.db");
        match damage {
            "lost" => std::fs::remove_file(&path).unwrap(),
            "rubbish" => write_file(&path, &"rubbish ".repeat(1000)),
            _ => std::fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(8192)
                .unwrap(),
        }
        for side in ["wharf.db-wal", "wharf.db-shm"] {
            let _may_be_gone = std::fs::remove_file(root.join(side));
        }
        if damage == "lost" {
            let error = ImageStore::open(&root, options()).unwrap_err();
            assert!(matches!(error, OpenError::RecordsLost { .. }), "{error}");
        }
        let (store, report) = ImageStore::repair(&root, options(), &mut |_| ()).unwrap();
        assert!(report.rebuilt && report.is_sound(), "{damage}: {report:?}");
        assert_eq!(
            store.list(&ListFilter::default()).unwrap(),
            before,
            "{damage}"
        );
        assert_eq!(store.names().unwrap().len(), names.len());
        let garbage = store.collect_garbage(Unfinished::Keep).unwrap();
        assert_eq!((garbage.blobs, garbage.layers), (0, 0), "{damage}");
        assert_eq!(check(&store, LOOK).problems, []);
    }
}

#[test]
fn repairing_a_sound_store_changes_nothing() {
    let fixture = filled();
    let before = fixture.store.list(&ListFilter::default()).unwrap();
    let (store, report) =
        ImageStore::repair(&fixture.root(), options(&fixture), &mut |_| ()).unwrap();
    assert!(!report.rebuilt && report.problems.is_empty());
    assert_eq!(store.list(&ListFilter::default()).unwrap(), before);
}

#[test]
fn privileged_a_mounted_layer_is_not_exchanged() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED privileged_a_mounted_layer_is_not_exchanged: mounting needs root");
        return;
    }
    let fixture = filled();
    let target = fixture.folder.path().join("mnt");
    std::fs::create_dir(&target).unwrap();
    let image = fixture.store.resolve_text("two:1").unwrap().image;
    fixture
        .store
        .mount(image.id, &target, &wharf_images::MountMode::ReadOnly)
        .unwrap();
    write_file(&layer(&fixture, "base").join("fs/extra"), "");
    let report = check(&fixture.store, REPAIR);
    fixture.store.unmount(&target).unwrap();
    assert!(matches!(
        problems(&report)[..],
        [Problem::DamagedLayer { .. }, Problem::MountedLayer { .. }]
    ));
    assert!(!report.is_sound());
    assert!(check(&fixture.store, REPAIR).is_sound());
}
