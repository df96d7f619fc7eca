//! Archives that mean harm, or are damaged.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use wharf_layers::{
    ApplyLayerError, ApplyOptions, EntryKind, LimitExceeded, Limits, TarError, remove_tree,
};

use crate::support::*;

fn refused(items: &[Item]) -> ApplyLayerError {
    let place = scratch();
    let target = place.path().join("target");
    fs::create_dir(&target).unwrap();
    let error = apply(&archive(items), &target).expect_err("the archive was accepted");
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "something was written outside: {left:?}");
    error
}

#[test]
fn nothing_leads_out_of_the_layer() {
    for items in [
        &[file("../out", "")][..],
        &[file("a/../../out", "")],
        &[file("/../out", "")],
        &[directory("..")],
        &[symlink("../out", "x")],
        &[file("..", "")],
        &[file("../.wh.x", "")],
        &[file("a", ""), hard_link("b", "../../../etc/passwd")],
        &[file("a", ""), hard_link("../b", "a")],
    ] {
        let error = refused(items);
        assert!(matches!(error, ApplyLayerError::Escapes { .. }), "{error}");
    }
    for items in [
        &[hard_link("passwd", "/etc/passwd")][..],
        &[symlink("d", "/etc"), hard_link("passwd", "d/passwd")],
        &[
            symlink("d", "../../.."),
            hard_link("passwd", "d/etc/passwd"),
        ],
        &[file(".wh.x", ""), hard_link("y", "x")],
    ] {
        let error = refused(items);
        assert!(
            matches!(error, ApplyLayerError::HardLinkTarget { .. }),
            "{error}"
        );
    }
}

#[test]
fn links_to_the_outside_are_kept_and_not_followed() {
    let place = scratch();
    let target = place.path().join("target");
    fs::create_dir(&target).unwrap();
    let outside = place.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::File::create(outside.join("file")).unwrap();
    let absolute = outside.to_str().unwrap();
    let items = [
        symlink("abs", absolute),
        file("abs/planted", ""),
        symlink("rel", "../outside"),
        file("rel/planted", ""),
        file("rel/.wh.file", ""),
        with(directory("rel"), |entry| entry.mode = 0o700),
        symlink("one", absolute),
        symlink("two", "one"),
        file("two/planted", ""),
        symlink("file", &format!("{absolute}/file")),
        file("file", "replaces the link"),
        hard_link("linked", "abs"),
    ];
    apply(&archive(&items), &target).unwrap();
    let inside: Vec<_> = fs::read_dir(&outside).unwrap().collect();
    assert_eq!(inside.len(), 1, "{inside:?}");
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"");
    assert_eq!(fs::read_link(target.join("abs")).unwrap(), outside);
}

#[test]
fn entries_that_make_no_sense_are_refused() {
    for items in [
        &[file("./", "root as a file")][..],
        &[symlink("", "x")],
        &[file("a", ""), file("a/b", "")],
        &[file("a", ""), file("a/b/c", "")],
        &[node("a", EntryKind::Fifo, 0, 0), file("a/b", "")],
        &[symlink("loop", "loop"), file("loop/x", "")],
        &[symlink("a", "b"), symlink("b", "a"), file("a/x", "")],
        &[symlink("a", "")],
        &[file(".wh.", "")],
        &[file(".wh..", "")],
        &[file("d/.wh...", "")],
        &[directory("d"), hard_link("l", "d")],
        &[directory("d"), hard_link("l", "/")],
        &[file("a", ""), hard_link("a", "a")],
        &[node("a", EntryKind::Other(b'V'), 0, 0)],
    ] {
        let error = refused(items);
        assert!(matches!(error, ApplyLayerError::Entry { .. }), "{error}");
    }
    let error = refused(&[file(&"n".repeat(300), "")]);
    assert!(
        matches!(error, ApplyLayerError::FileSystem { .. }),
        "{error}"
    );
}

#[test]
fn errors_name_the_entry_and_show_no_control_characters() {
    let error = refused(&[file("a", ""), file("../\u{1b}[31mred", "")]);
    let text = error.to_string();
    assert!(text.contains("`../\\u{1b}[31mred`"), "{text}");
    let error = refused(&[file(&format!("../{}", "x".repeat(1_000)), "")]);
    assert!(error.to_string().len() < 700, "{error}");
}

#[test]
fn a_truncated_archive_is_an_error_wherever_it_ends() {
    let long = "n".repeat(150);
    let whole = archive(&[file("a", &"x".repeat(600)), file(&long, "content")]);
    // The last entry's content ends here; what follows is padding and the end marker.
    let end = whole.len() - 1_024 - 505;
    for length in (0..whole.len()).step_by(37) {
        let target = scratch();
        let result = apply(&whole[..length], target.path());
        // Like Go's reader, and so like Docker, this one takes an archive that ends between two
        // entries, or in the padding behind one, for complete: the digest shows that it is not.
        let boundary = length == 0 || (1_536 + 600..=1_536 + 1_024).contains(&length);
        let complete = length >= end && (length <= end + 505 || length.is_multiple_of(512));
        match result {
            Ok(_) => assert!(boundary || complete, "{length} of {}", whole.len()),
            Err(ApplyLayerError::Archive { source, .. }) => {
                assert!(matches!(source, TarError::Truncated), "{source}");
                assert!(!complete, "{length} of {}", whole.len());
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_deep_path_is_as_good_as_any_until_the_limit() {
    let place = scratch();
    let target = place.path().join("deep");
    fs::create_dir(&target).unwrap();
    let mut items = Vec::new();
    for depth in [2_040, 1, 1_000, 2_000] {
        items.push(directory(&"d/".repeat(depth)));
        items.push(file(&format!("{}f", "d/".repeat(depth)), "x"));
    }
    let applied = apply(&archive(&items), &target).unwrap();
    assert_eq!(applied.entries, 8);
    remove_tree(fs::File::open(place.path()).unwrap(), "deep").unwrap();
    assert!(!target.exists());
    let error = refused(&[
        directory(&"d/".repeat(2_047)),
        file(&"d/".repeat(2_100), ""),
    ]);
    assert!(matches!(error, ApplyLayerError::Limit { .. }), "{error}");
}

#[test]
fn every_limit_stops_the_archive() {
    let small = Limits {
        unpacked_bytes: 100_000,
        entries: 50,
        path_depth: 20,
        path_bytes: 1_000,
        header_bytes: 10_000,
        xattr_bytes: 2_000,
        memory_bytes: 3_000,
        ..Limits::default()
    };
    let many = |count: usize, make: fn(String) -> Item| -> Vec<Item> {
        (0..count).map(|index| make(format!("n{index}"))).collect()
    };
    let with_xattr = with(file("a", ""), |entry| {
        entry.xattrs = vec![xattr("user.x", &[0; 3_000])];
    });
    let with_header = with(file("a", ""), |entry| {
        entry.xattrs = vec![xattr("user.x", &[0; 20_000])];
    });
    for (items, expected) in [
        (
            vec![file("a", &"x".repeat(100_000))],
            LimitExceeded::UnpackedBytes { limit: 100_000 },
        ),
        (
            many(51, |name| file(&name, "")),
            LimitExceeded::Entries { limit: 50 },
        ),
        (
            vec![file(&"d/".repeat(21), "")],
            LimitExceeded::PathDepth { limit: 20 },
        ),
        (
            vec![file(&"d".repeat(1_001), "")],
            LimitExceeded::PathBytes { limit: 1_000 },
        ),
        (
            vec![symlink("a", &"d".repeat(1_001))],
            LimitExceeded::PathBytes { limit: 1_000 },
        ),
        (vec![with_xattr], LimitExceeded::XattrBytes { limit: 2_000 }),
        (
            vec![with_header],
            LimitExceeded::HeaderBytes { limit: 10_000 },
        ),
        (
            many(40, |name| directory(&name)),
            LimitExceeded::MemoryBytes { limit: 3_000 },
        ),
        (
            many(40, |name| symlink(&name, "x")),
            LimitExceeded::MemoryBytes { limit: 3_000 },
        ),
        (
            many(40, |name| file(&format!(".wh.{name}"), "")),
            LimitExceeded::MemoryBytes { limit: 3_000 },
        ),
    ] {
        let target = scratch();
        let options = ApplyOptions {
            limits: small.clone(),
            ..ApplyOptions::new(flavour())
        };
        match apply_with(&archive(&items), target.path(), &options, |_| true) {
            Err(ApplyLayerError::Limit { limit, .. }) => assert_eq!(limit, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
}

#[test]
fn privileged_a_full_disk_is_told_apart() {
    if !testkit::running_as_root() {
        return;
    }
    let place = scratch();
    let program = |program: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(program);
        let output = command.args(arguments).arg(place.path()).output().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
    };
    program("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
    let result = apply(
        &archive(&[file("large", &"x".repeat(200_000))]),
        place.path(),
    );
    program("umount", &[]);
    let error = result.expect_err("it cannot fit");
    assert!(matches!(error, ApplyLayerError::DiskFull { .. }), "{error}");
}

#[test]
fn a_checkpoint_of_another_archive_is_refused() {
    let items = [file("a", &"x".repeat(3_000)), file("b", &"y".repeat(3_000))];
    let options = ApplyOptions {
        checkpoint_interval_bytes: 1,
        ..ApplyOptions::new(flavour())
    };
    let mut last = None;
    let target = scratch();
    apply_with(&archive(&items), target.path(), &options, |checkpoint| {
        last = Some(checkpoint.clone());
        true
    })
    .unwrap();
    let options = ApplyOptions {
        resume: last,
        ..options
    };
    for other in [
        archive(&[file("a", "")]),
        archive(&[file("a", &"x".repeat(9_000))]),
    ] {
        let target = scratch();
        let error = apply_with(&other, target.path(), &options, |_| true).unwrap_err();
        assert!(
            matches!(error, ApplyLayerError::CheckpointMismatch),
            "{error}"
        );
    }
}

fn any_name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("a"),
        Just("b"),
        Just(".."),
        Just("."),
        Just(""),
        Just("link"),
        Just(".wh.a"),
        Just(".wh..wh..opq"),
        Just(".wh.link"),
        Just(".wh..wh.x"),
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

fn any_item() -> impl Strategy<Value = Item> {
    let targets = prop_oneof![any_name(), Just("/".into()), Just("../../..".into())];
    (0..6, any_name(), targets).prop_map(|(kind, name, target)| match kind {
        0 => file(&name, "planted"),
        1 | 2 => symlink(&name, &target),
        3 => hard_link(&name, &target),
        4 => directory(&name),
        _ => node(&name, EntryKind::Fifo, 0, 0),
    })
}

// A folder with a canary on each side of the layer's directory, and the directory three levels down.
fn trap() -> (tempfile::TempDir, std::path::PathBuf) {
    let place = scratch();
    let target = place.path().join("one/two/target");
    fs::create_dir_all(&target).unwrap();
    for folder in ["", "one", "one/two"] {
        for name in ["a", "b", "link"] {
            fs::File::create(place.path().join(folder).join(name)).unwrap();
        }
    }
    (place, target)
}

fn outside(place: &Path) -> Vec<(std::path::PathBuf, Node)> {
    let nodes = tree(place).into_iter();
    nodes
        .filter(|(path, _)| !path.starts_with("one/two/target"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_comes_stays_inside(items in prop::collection::vec(any_item(), 1..12)) {
        let (place, target) = trap();
        let before = outside(place.path());
        // Whether it is accepted is not the question here.
        let _outcome = apply(&archive(&items), &target);
        prop_assert_eq!(before, outside(place.path()));
    }

    #[test]
    fn damaged_archives_are_errors_and_no_panics(
        items in prop::collection::vec(any_item(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        repair in any::<bool>(),
    ) {
        let (place, target) = trap();
        let before = outside(place.path());
        let mut archive = archive(&items);
        for (at, value) in damage {
            let at = at.index(archive.len());
            archive[at] = value;
        }
        if repair {
            repair_checksums(&mut archive);
        }
        let _outcome = apply(&archive, &target);
        prop_assert_eq!(before, outside(place.path()));
    }
}

// Damage would hardly ever get past the checksums otherwise.
fn repair_checksums(archive: &mut [u8]) {
    for block in archive.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}
