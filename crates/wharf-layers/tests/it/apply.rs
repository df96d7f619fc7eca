//! What ordinary layers become.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use wharf_layers::{Decompressor, EntryKind, Limits, Timestamp};
use wharf_oci::Digest;

use crate::support::*;

fn opaque() -> &'static str {
    flavour().opaque_attribute()
}

fn is_whiteout(path: &Path) -> bool {
    let metadata = fs::symlink_metadata(path).unwrap();
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

#[test]
fn unpacks_each_kind_with_its_metadata() {
    let target = tempfile::tempdir().unwrap();
    let root = target.path();
    let items = [
        with(directory("./"), |entry| entry.mode = 0o751),
        directory("usr/bin/"),
        with(file("usr/bin/su", "program"), |entry| entry.mode = 0o4755),
        hard_link("usr/bin/su2", "/usr/bin/su"),
        symlink("bin", "usr/bin"),
        with(directory("tmp"), |entry| entry.mode = 0o1777),
        with(directory("var/mail"), |entry| entry.mode = 0o2775),
        file("var/mail/me", ""),
        node("run/pipe", EntryKind::Fifo, 0, 0),
        with(file("tagged", "x"), |entry| {
            entry.mode = 0o444;
            entry.xattrs = vec![
                xattr("user.note", b"value\n"),
                xattr("user.overlay.opaque", b"y"),
                xattr("user.wharf.meta", b"forged"),
                xattr("trusted.overlay.redirect", b"/etc"),
            ];
        }),
    ];
    let archive = archive(&items);
    let applied = apply(&archive, root).unwrap();
    assert_eq!(applied.diff_id.digest(), &Digest::of(&archive));
    assert_eq!(applied.tar_size_bytes, archive.len() as u64);
    // A symbolic link counts with the length of its target.
    assert_eq!((applied.content_size_bytes, applied.entries), (15, 10));

    let tree = tree(root);
    let mode = |path: &str| tree[Path::new(path)].mode;
    assert_eq!(mode(""), 0o40_751);
    assert_eq!(mode("usr"), 0o40_755, "not in the archive");
    assert_eq!(mode("usr/bin/su"), 0o10_4755);
    assert_eq!(mode("tmp"), 0o4_1777);
    assert_eq!(mode("var/mail"), 0o4_2775);
    assert_eq!(mode("var/mail/me"), 0o10_0644);
    assert_eq!(mode("run/pipe"), 0o1_0640);
    assert_eq!(tree[Path::new("bin")].content, b"usr/bin");
    let link = &tree[Path::new("usr/bin/su2")];
    assert_eq!(link.first_name, Path::new("usr/bin/su"));
    let tagged = &tree[Path::new("tagged")].xattrs;
    assert_eq!(tagged.keys().collect::<Vec<_>>(), ["user.note"]);
    assert_eq!(tagged["user.note"], b"value\n");
    for (path, node) in &tree {
        assert_eq!(node.modified, (1_700_000_000, 123_456_789), "{path:?}");
    }
}

#[test]
fn owners_devices_and_capabilities_are_roots() {
    if !testkit::running_as_root() {
        return;
    }
    let target = tempfile::tempdir().unwrap();
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let items = [
        with(file("ping", "x"), |entry| {
            (entry.user_id, entry.group_id) = (1_000, u32::MAX - 1);
            entry.mode = 0o2755;
            entry.xattrs = vec![xattr("security.capability", capability)];
        }),
        with(symlink("link", "ping"), |entry| entry.user_id = 33),
        with(directory("home"), |entry| {
            (entry.user_id, entry.mode) = (1_000, 0o2750);
        }),
        file("home/mine", "inherits nothing"),
        node("null", EntryKind::CharacterDevice, 1, 3),
        node("disk", EntryKind::BlockDevice, 8, 300),
    ];
    apply(&archive(&items), target.path()).unwrap();
    let tree = tree(target.path());
    let ping = &tree[Path::new("ping")];
    assert_eq!((ping.mode, ping.owner), (0o10_2755, (1_000, u32::MAX - 1)));
    assert_eq!(ping.xattrs["security.capability"], capability);
    assert_eq!(tree[Path::new("link")].owner, (33, 0));
    assert_eq!(tree[Path::new("home")].mode, 0o4_2750);
    assert_eq!(tree[Path::new("home/mine")].owner, (0, 0));
    let null = &tree[Path::new("null")];
    assert_eq!(
        (null.mode, null.device),
        (0o2_0640, rustix::fs::makedev(1, 3))
    );
    let disk = &tree[Path::new("disk")];
    assert_eq!(
        (disk.mode, disk.device),
        (0o6_0640, rustix::fs::makedev(8, 300))
    );
}

#[test]
fn whiteouts_hide_what_lies_below_and_never_what_the_layer_has() {
    let target = tempfile::tempdir().unwrap();
    let root = target.path();
    let items = [
        file("etc/.wh.gone", ""),
        file("etc/.wh..wh..opq", ""),
        file(".wh.never-there", ""),
        file(".wh..wh.aufs", ""),
        file(".wh..wh.plnk/1.2", ""),
        // The layer's own, before and after its whiteout.
        file("first", "stays"),
        file(".wh.first", ""),
        file(".wh.second", ""),
        file("second", "stays"),
        file("one/file", ""),
        file(".wh.one", ""),
        file(".wh.two", ""),
        file("two/file", ""),
        file(".wh.three", ""),
        directory("three"),
    ];
    let applied = apply(&archive(&items), root).unwrap();
    assert!(!applied.root_is_opaque);
    assert!(is_whiteout(&root.join("etc/gone")));
    assert!(is_whiteout(&root.join("never-there")));
    assert_eq!(fs::read(root.join("first")).unwrap(), b"stays");
    assert_eq!(fs::read(root.join("second")).unwrap(), b"stays");
    let tree = tree(root);
    for (path, is_opaque) in [
        ("etc", true),
        ("one", true),
        ("two", true),
        ("three", true),
        ("", false),
    ] {
        let xattrs = &tree[Path::new(path)].xattrs;
        assert_eq!(xattrs.contains_key(opaque()), is_opaque, "{path}");
    }
    assert_eq!(tree.len(), 11, "{:?}", tree.keys());

    let target = tempfile::tempdir().unwrap();
    let applied = apply(&archive(&[file(".wh..wh..opq", "")]), target.path()).unwrap();
    assert!(applied.root_is_opaque);
}

#[test]
fn of_two_entries_the_later_wins() {
    let target = tempfile::tempdir().unwrap();
    let root = target.path();
    let items = [
        file("a", "first"),
        hard_link("b", "a"),
        file("a", "second"),
        hard_link("c", "a"),
        file("d/e/f", ""),
        file("d", "was a directory"),
        symlink("l", "d"),
        directory("l"),
        file("l/x", ""),
        with(directory("m"), |entry| entry.mode = 0o700),
        file("m/kept", ""),
        with(directory("m"), |entry| entry.mode = 0o711),
        symlink("s", "a"),
        file("s", "not through the link"),
        symlink("a2", "a"),
        file("a2", "nor this"),
    ];
    apply(&archive(&items), root).unwrap();
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert_eq!(read("a"), "second");
    assert_eq!(read("b"), "first");
    assert_eq!(read("c"), "second");
    assert_eq!(read("d"), "was a directory");
    assert_eq!(read("l/x"), "");
    assert_eq!(read("m/kept"), "");
    assert_eq!(read("s"), "not through the link");
    assert_eq!(read("a2"), "nor this");
    let mode = fs::metadata(root.join("m")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o711);
}

#[test]
fn paths_through_links_stay_within_the_layer() {
    let target = tempfile::tempdir().unwrap();
    let root = target.path();
    let items = [
        directory("usr/bin"),
        symlink("bin", "usr/bin"),
        file("bin/sh", "sh"),
        symlink("abs", "/srv"),
        file("abs/x", "x"),
        symlink("up", "../../../../etc"),
        file("up/passwd", "ours"),
        directory("up/dir"),
        hard_link("copy", "bin/sh"),
        // The link is replaced, and with it where paths lead.
        directory("bin"),
        file("bin/own", "own"),
    ];
    apply(&archive(&items), root).unwrap();
    for (path, content) in [
        ("usr/bin/sh", "sh"),
        ("srv/x", "x"),
        ("etc/passwd", "ours"),
        ("copy", "sh"),
        ("bin/own", "own"),
    ] {
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), content);
    }
    assert!(fs::symlink_metadata(root.join("bin")).unwrap().is_dir());
}

#[test]
fn times_beyond_docker_s_bounds_are_the_epoch() {
    let target = tempfile::tempdir().unwrap();
    let items =
        [(-5, "before"), (1 << 40, "after"), (4_000_000_000, "late")].map(|(seconds, name)| {
            with(file(name, ""), |entry| {
                entry.modified = Timestamp {
                    seconds,
                    nanoseconds: 5,
                };
            })
        });
    apply(&archive(&items), target.path()).unwrap();
    let tree = tree(target.path());
    assert_eq!(tree[Path::new("before")].modified, (0, 0));
    assert_eq!(tree[Path::new("after")].modified, (0, 0));
    assert_eq!(tree[Path::new("late")].modified, (4_000_000_000, 5));
}

#[test]
fn what_follows_the_archive_is_part_of_the_diff_id() {
    let target = tempfile::tempdir().unwrap();
    let mut archive = archive(&[file("a", "x")]);
    archive.extend_from_slice(&[7; 12_345]);
    let applied = apply(&archive, target.path()).unwrap();
    assert_eq!(applied.diff_id.digest(), &Digest::of(&archive));
    assert_eq!(applied.tar_size_bytes, archive.len() as u64);
}

#[test]
fn unpacks_straight_from_a_compressed_layer() {
    use std::io::{BufReader, Write as _};
    use std::os::fd::AsFd as _;
    let plain = archive(&[file("a", "content")]);
    let mut compressor = wharf_layers::Compressor::gzip(Vec::new(), 6, 1).unwrap();
    compressor.write_all(&plain).unwrap();
    let blob = compressor.finish().unwrap();
    for (blob, works) in [(&blob[..], true), (&blob[..blob.len() - 1], false)] {
        let target = tempfile::tempdir().unwrap();
        let decompressor = Decompressor::new(blob, &Limits::default()).unwrap();
        let mut source = BufReader::with_capacity(1 << 18, decompressor);
        let applied = wharf_layers::apply_layer(
            &mut source,
            fs::File::open(target.path()).unwrap().as_fd(),
            &wharf_layers::ApplyOptions::new(flavour()),
            &mut |_| Ok(()),
        );
        assert_eq!(applied.is_ok(), works);
        if let Ok(applied) = applied {
            assert_eq!(applied.diff_id.digest(), &Digest::of(&plain));
        }
    }
}
