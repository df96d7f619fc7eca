//! `rmi`, `image prune`, `system df` and garbage: what goes, what stays, what is said.

use jiff::SignedDuration;

use crate::fixture::{Fixture, ImageSpec, layer_tar, put_blob, reference, unpack};
use wharf_images::{
    ImageRecord, ImageUser, LabelFilter, PruneFilter, RemoveError, RemoveOptions, Unfinished,
    UserKind,
};
use wharf_oci::{DiffId, Digest};

const FORCE: RemoveOptions = RemoveOptions {
    force: true,
    keep_parents: false,
};

fn container(id: &str, running: bool) -> ImageUser {
    ImageUser {
        kind: UserKind::Container,
        id: id.to_owned(),
        name: "web".to_owned(),
        running,
    }
}

fn diff_id(file: &str) -> DiffId {
    DiffId::new(Digest::of(&layer_tar(file)))
}

fn chains(image: &ImageRecord) -> Vec<String> {
    image
        .layers
        .iter()
        .rev()
        .map(|layer| format!("Deleted: {}", layer.chain_id))
        .collect()
}

fn removed(fixture: &Fixture, text: &str, options: RemoveOptions) -> Vec<String> {
    let events = fixture.store.remove(text, options).unwrap();
    events.iter().map(ToString::to_string).collect()
}

fn refused(fixture: &Fixture, text: &str, options: RemoveOptions) -> String {
    let error = fixture.store.remove(text, options).unwrap_err();
    assert!(!matches!(error, RemoveError::Sweep { .. }), "{error}");
    error.to_string()
}

/// Nothing is left but the folders of an empty store.
fn assert_empty(fixture: &Fixture) {
    assert_eq!(fixture.store.blobs().list().unwrap(), []);
    let names = |folder: &str| -> Vec<_> {
        std::fs::read_dir(fixture.root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect()
    };
    assert_eq!(names("layers"), ["empty"]);
    assert_eq!(names("removing"), [""; 0]);
}

#[test]
fn the_last_name_takes_the_image_along() {
    let fixture = Fixture::new();
    let image = fixture.pull(&ImageSpec::new("nginx", &["a", "b"]), "1");
    let mut expected = vec![
        "Untagged: nginx:1".to_owned(),
        format!("Untagged: nginx@{}", image.manifest),
        format!("Deleted: {}", image.id),
    ];
    expected.extend(chains(&image));
    assert_eq!(
        removed(&fixture, "nginx:1", RemoveOptions::default()),
        expected
    );
    assert_empty(&fixture);
}

#[test]
fn one_of_two_names_is_only_untagged() {
    let fixture = Fixture::new();
    let image = fixture.pull(&ImageSpec::new("nginx", &["a"]), "1");
    let tag = |from, to| fixture.store.tag(&reference(from), &reference(to)).unwrap();
    tag("nginx:1", "nginx:2");
    tag("nginx:1", "mirror/nginx:1");
    assert_eq!(
        removed(&fixture, "nginx:2", RemoveOptions::default()),
        ["Untagged: nginx:2"]
    );
    let text = format!(
        "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
        image.id.short()
    );
    assert_eq!(
        refused(&fixture, &image.id.short(), RemoveOptions::default()),
        text
    );
    assert_eq!(
        removed(&fixture, "nginx:1", RemoveOptions::default()),
        [
            "Untagged: nginx:1".to_owned(),
            format!("Untagged: nginx@{}", image.manifest)
        ]
    );
    assert_eq!(fixture.store.names_of(image.id).unwrap().len(), 1);
    assert!(fixture.store.layer(diff_id("a")).unwrap().is_some());
}

#[test]
fn by_id_all_names_go() {
    let fixture = Fixture::new();
    let image = fixture.pull(&ImageSpec::new("nginx", &["a"]), "1");
    fixture
        .store
        .tag(&reference("nginx:1"), &reference("other:1"))
        .unwrap();
    let lines = removed(&fixture, &image.id.to_string(), FORCE);
    assert_eq!(
        lines.first_chunk::<4>().unwrap(),
        &[
            "Untagged: nginx:1".to_owned(),
            format!("Untagged: nginx@{}", image.manifest),
            "Untagged: other:1".to_owned(),
            format!("Deleted: {}", image.id),
        ]
    );
    assert_empty(&fixture);
}

#[test]
fn what_others_have_stays() {
    let fixture = Fixture::new();
    let first = fixture.pull(&ImageSpec::new("one", &["base", "1"]), "1");
    let second = fixture.pull(&ImageSpec::new("two", &["base", "2"]), "1");
    let lines = removed(&fixture, "one:1", RemoveOptions::default());
    let top = first.layers.last().unwrap().chain_id;
    assert_eq!(lines.last(), Some(&format!("Deleted: {top}")));
    assert!(!lines.contains(&format!("Deleted: {}", first.layers[0].chain_id)));
    assert!(fixture.store.layer(diff_id("base")).unwrap().is_some());
    assert!(fixture.store.layer(diff_id("1")).unwrap().is_none());
    assert!(fixture.store.image(second.id).unwrap().is_some());
    removed(&fixture, "two:1", RemoveOptions::default());
    assert_empty(&fixture);
}

#[test]
fn containers_hold_their_image() {
    let fixture = Fixture::new();
    let image = fixture.pull(&ImageSpec::new("nginx", &["a"]), "1");
    let id = image.id.short();
    let hex = "0123456789abcdef";
    fixture
        .store
        .add_user(image.id, &container(hex, true))
        .unwrap();
    let by_name = format!(
        "conflict: unable to remove repository reference \"nginx:1\" (must force) - container 0123456789ab is using its referenced image {id}"
    );
    let running = format!(
        "conflict: unable to delete {id} (cannot be forced) - image is being used by running container 0123456789ab"
    );
    assert_eq!(
        refused(&fixture, "nginx:1", RemoveOptions::default()),
        by_name
    );
    assert_eq!(refused(&fixture, &id, RemoveOptions::default()), running);
    assert_eq!(refused(&fixture, &id, FORCE), running);

    fixture
        .store
        .set_user_running(UserKind::Container, hex, false)
        .unwrap();
    let stopped = format!(
        "conflict: unable to delete {id} (must be forced) - image is being used by stopped container 0123456789ab"
    );
    assert_eq!(refused(&fixture, &id, RemoveOptions::default()), stopped);
    assert_eq!(
        refused(&fixture, "nginx:1", RemoveOptions::default()),
        by_name
    );

    // By force the image goes, but the container still stands on its layers.
    let lines = removed(&fixture, &id, FORCE);
    assert_eq!(lines.last(), Some(&format!("Deleted: {}", image.id)));
    assert!(fixture.store.layer(diff_id("a")).unwrap().is_some());
    assert!(fixture.store.remove_user(UserKind::Container, hex).unwrap());
    fixture.store.collect_garbage(Unfinished::Keep).unwrap();
    assert_empty(&fixture);
}

#[test]
fn a_name_forced_off_a_running_container_leaves_a_dangling_image() {
    let fixture = Fixture::new();
    let image = fixture.build(&ImageSpec::new("nginx", &["a"]), "1");
    fixture
        .store
        .add_user(image.id, &container("c", true))
        .unwrap();
    assert_eq!(removed(&fixture, "nginx:1", FORCE), ["Untagged: nginx:1"]);
    assert!(fixture.store.image(image.id).unwrap().is_some());
}

#[test]
fn parents_hold_and_follow_their_children() {
    let fixture = Fixture::new();
    let parent = fixture.dangling(&ImageSpec::new("step", &["a"]));
    let child = fixture.build(&ImageSpec::new("app", &["a", "b"]), "1");
    fixture.store.set_parent(child.id, Some(parent.id)).unwrap();
    let text = format!(
        "conflict: unable to delete {} (cannot be forced) - image has dependent child images",
        parent.id.short()
    );
    assert_eq!(refused(&fixture, &parent.id.short(), FORCE), text);
    let lines = removed(&fixture, "app:1", RemoveOptions::default());
    let expected = [
        "Untagged: app:1".to_owned(),
        format!("Deleted: {}", child.id),
        format!("Deleted: {}", child.layers[1].chain_id),
        format!("Deleted: {}", parent.id),
        format!("Deleted: {}", parent.layers[0].chain_id),
    ];
    assert_eq!(lines, expected);
    assert_empty(&fixture);
}

#[test]
fn parents_stay_when_asked() {
    let fixture = Fixture::new();
    let parent = fixture.dangling(&ImageSpec::new("step", &["a"]));
    let child = fixture.build(&ImageSpec::new("app", &["a", "b"]), "1");
    fixture.store.set_parent(child.id, Some(parent.id)).unwrap();
    let options = RemoveOptions {
        keep_parents: true,
        ..RemoveOptions::default()
    };
    removed(&fixture, "app:1", options);
    assert!(fixture.store.image(parent.id).unwrap().is_some());
}

#[test]
fn nothing_called_so_is_said_in_dockers_words() {
    let fixture = Fixture::new();
    assert_eq!(refused(&fixture, "127", FORCE), "No such image: 127:latest");
}

#[test]
fn prune_takes_what_has_no_name_or_nobody_uses() {
    let fixture = Fixture::new();
    let made = |name, created, file: &str, labels| ImageSpec {
        created,
        labels,
        ..ImageSpec::new(name, &["base", file])
    };
    let dangling = fixture.dangling(&made("lost", "2024-01-01T00:00:00Z", "lost", &[]));
    let by_digest = fixture.pull(&made("digest", "2024-01-02T00:00:00Z", "digest", &[]), "1");
    fixture.store.remove_name(&reference("digest:1")).unwrap();
    let used = fixture.pull(&made("used", "2024-01-03T00:00:00Z", "used", &[]), "1");
    fixture
        .store
        .tag(&reference("used:1"), &reference("used:2"))
        .unwrap();
    fixture
        .store
        .add_user(used.id, &container("c", false))
        .unwrap();
    let labelled = fixture.pull(
        &made("keep", "2024-01-04T00:00:00Z", "keep", &[("k", "v")]),
        "1",
    );

    let report = fixture.store.prune(&PruneFilter::default()).unwrap();
    let lines: Vec<String> = report.events.iter().map(ToString::to_string).collect();
    let expected = [
        format!("Deleted: {}", dangling.id),
        format!("Deleted: {}", dangling.layers[1].chain_id),
    ];
    assert_eq!(lines, expected);
    assert_eq!(report.reclaimed_bytes, 4);
    assert!(report.blob_bytes > 1024);

    let all = PruneFilter {
        all: true,
        not_labels: vec![LabelFilter::parse("k=v")],
        ..PruneFilter::default()
    };
    let before = PruneFilter {
        until: Some("2024-01-02T00:00:00Z".parse().unwrap()),
        ..all.clone()
    };
    assert_eq!(fixture.store.prune(&before).unwrap().events, []);
    let report = fixture.store.prune(&all).unwrap();
    assert_eq!(report.reclaimed_bytes, 6);
    assert!(fixture.store.image(by_digest.id).unwrap().is_none());
    assert_eq!(fixture.store.names_of(used.id).unwrap().len(), 3);
    assert!(fixture.store.image(labelled.id).unwrap().is_some());
}

#[test]
fn usage_counts_shared_layers_once_and_tells_what_would_go() {
    let fixture = Fixture::new();
    let used = fixture.build(&ImageSpec::new("used", &["base", "22"]), "1");
    fixture.build(&ImageSpec::new("idle", &["base", "333"]), "1");
    fixture
        .store
        .add_user(used.id, &container("c", false))
        .unwrap();
    let usage = fixture.store.usage().unwrap();
    assert_eq!((usage.images.len(), usage.active), (2, 1));
    assert_eq!(
        (usage.layer_bytes, usage.reclaimable_layer_bytes),
        (4 + 2 + 3, 3)
    );
    assert_eq!(usage.unpacked_bytes, 3 * 4096);
    let shared: Vec<_> = usage.images.iter().map(|image| image.shared_size).collect();
    assert_eq!(shared, [Some(4), Some(4)]);

    let all = PruneFilter {
        all: true,
        ..PruneFilter::default()
    };
    let report = fixture.store.prune(&all).unwrap();
    assert_eq!(report.reclaimed_bytes, usage.reclaimable_layer_bytes);
    assert_eq!(report.blob_bytes, usage.reclaimable_blob_bytes);
}

#[test]
fn a_lease_keeps_what_nothing_names_yet() {
    let fixture = Fixture::new();
    let tar = layer_tar("a");
    let digest = Digest::of(&tar);
    let lease = fixture.store.lease("pull").unwrap();
    lease.protect(&[digest]).unwrap();
    put_blob(&fixture.store, &digest, &tar);
    unpack(&fixture.store, DiffId::new(digest), "a");
    let other = fixture.reopen();
    other.collect_garbage(Unfinished::Keep).unwrap();
    assert_eq!(fixture.store.blobs().list().unwrap(), [digest]);
    assert!(fixture.store.layer(DiffId::new(digest)).unwrap().is_some());
    drop(lease);
    let report = other.collect_garbage(Unfinished::Keep).unwrap();
    assert_eq!((report.blobs, report.layers, report.layer_bytes), (1, 1, 1));
    assert_empty(&fixture);
}

#[test]
fn a_lease_ends_after_a_day_unless_extended() {
    let fixture = Fixture::new();
    let tar = layer_tar("a");
    let digest = Digest::of(&tar);
    let [extended, forgotten] = ["extended", "forgotten"].map(|purpose| {
        let lease = fixture.store.lease(purpose).unwrap();
        lease.protect(&[digest]).unwrap();
        lease
    });
    put_blob(&fixture.store, &digest, &tar);
    let hours = |count: i64| {
        fixture
            .now
            .fetch_add(count * 3600, std::sync::atomic::Ordering::SeqCst)
    };
    hours(20);
    extended.extend().unwrap();
    hours(20);
    fixture.store.collect_garbage(Unfinished::Keep).unwrap();
    assert_eq!(fixture.store.blobs().list().unwrap(), [digest]);
    hours(20);
    fixture.store.collect_garbage(Unfinished::Keep).unwrap();
    assert_empty(&fixture);
    drop((extended, forgotten));
}

#[test]
fn an_image_cannot_be_recorded_under_a_lease_that_ended() {
    let fixture = Fixture::new();
    let spec = ImageSpec::new("late", &["a"]);
    let lease = fixture.store.lease("pull").unwrap();
    let (manifest, image) = crate::fixture::record(&fixture.store, &spec);
    let config = fixture.store.blobs().read_document(&image.config).unwrap();
    let config = wharf_oci::ImageConfig::parse(config).unwrap();
    let layer = fixture.store.layer(diff_id("a")).unwrap().unwrap();
    let blob = fixture
        .store
        .blobs_of_layer(layer.diff_id)
        .unwrap()
        .remove(0);
    fixture
        .now
        .fetch_add(48 * 3600, std::sync::atomic::Ordering::SeqCst);
    fixture.reopen().collect_garbage(Unfinished::Keep).unwrap();
    let error = fixture
        .store
        .record_image(&manifest, &config, &[(blob, layer)], &lease)
        .unwrap_err();
    assert!(error.to_string().contains("try again"), "{error}");
}

#[test]
fn unfinished_work_is_kept_unless_it_is_old_or_useless() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let writer = |file: &str| match store.layer_slot(diff_id(file)).unwrap() {
        wharf_images::LayerSlot::Writable(writer) => writer,
        wharf_images::LayerSlot::Present(_) => panic!("present"),
    };
    let resumable = writer("resumable");
    resumable.save_checkpoint(&1).unwrap();
    drop(resumable);
    drop(writer("useless"));
    let at_work = writer("at work");
    let partial = |file: &str| {
        let name = format!("layers/sha256-{}.partial", diff_id(file).digest().hex());
        fixture.root().join(name).exists()
    };
    let report = store.collect_garbage(Unfinished::Keep).unwrap();
    assert_eq!(report.unfinished, 1);
    assert!(partial("resumable") && !partial("useless") && partial("at work"));
    // The files are as old as this test; the store's clock stands in 2023.
    fixture
        .now
        .store(9_000_000_000, std::sync::atomic::Ordering::SeqCst);
    let old = Unfinished::DeleteOlderThan(SignedDuration::from_hours(24));
    assert_eq!(store.collect_garbage(old).unwrap().unfinished, 1);
    assert!(!partial("resumable") && partial("at work"));
    at_work.abandon().unwrap();
    assert_empty(&fixture);
}

#[test]
fn several_handles_remove_and_record_at_once() {
    let fixture = Fixture::new();
    fixture.pull(&ImageSpec::new("base", &["base"]), "1");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let store = fixture.reopen();
            scope.spawn(move || {
                for round in 0..5 {
                    let file = format!("{worker} {}", round % 2);
                    let spec = ImageSpec::new("app", &["base", "common", &file]);
                    let (manifest, image) = crate::fixture::record(&store, &spec);
                    let name = reference(&format!("app{worker}:1"));
                    store
                        .set_name(&name, &manifest.descriptor(), manifest.digest(), image.id)
                        .unwrap();
                    for layer in &image.layers {
                        assert!(store.layer(layer.diff_id).unwrap().is_some());
                    }
                    store
                        .remove(&name.familiar(), RemoveOptions::default())
                        .unwrap();
                    store.collect_garbage(Unfinished::Keep).unwrap();
                }
            });
        }
    });
    removed(&fixture, "base:1", RemoveOptions::default());
    fixture.store.collect_garbage(Unfinished::Keep).unwrap();
    assert_empty(&fixture);
}
