//! An ordinary user's layers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use wharf_layers::{
    ApplyOptions, Device, EntryKind, Flavour, REMEMBERED_XATTR, RememberedMetadata,
};

use crate::support::*;

#[test]
fn what_a_user_cannot_have_is_remembered() {
    let target = tempfile::tempdir().unwrap();
    let root = target.path();
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let items = [
        file("plain", "x"),
        with(file("owned", "x"), |entry| {
            (entry.user_id, entry.group_id) = (33, 44);
            entry.mode = 0o4411;
            entry.xattrs = vec![
                xattr("security.capability", capability),
                xattr("user.kept", b"1"),
                xattr("user.wharf.meta", b"forged"),
            ];
        }),
        with(directory("closed"), |entry| entry.mode = 0o050),
        file("closed/inside", "x"),
        node("null", EntryKind::CharacterDevice, 1, 3),
        node("pipe", EntryKind::Fifo, 0, 0),
        with(symlink("link", "plain"), |entry| entry.user_id = 7),
        hard_link("link2", "link"),
        with(symlink("replaced", "plain"), |entry| entry.user_id = 7),
        file("replaced", ""),
        with(directory("twice"), |entry| entry.user_id = 7),
        directory("twice"),
        file("dir/.wh.x", ""),
        file("dir/.wh..wh..opq", ""),
    ];
    let options = ApplyOptions::new(Flavour::User);
    let applied = apply_with(&archive(&items), root, &options, |_| true).unwrap();
    let tree = tree(root);
    let remembered = |path: &str| {
        let value = tree[Path::new(path)].xattrs.get(REMEMBERED_XATTR)?;
        Some(RememberedMetadata::from_bytes(value).unwrap())
    };
    let mode = |path: &str| tree[Path::new(path)].mode;

    assert_eq!(remembered("plain"), None);
    assert_eq!(remembered("replaced"), None);
    assert_eq!(remembered("twice"), None);
    let owned = remembered("owned").unwrap();
    assert_eq!(
        (owned.user_id, owned.group_id, owned.mode),
        (33, 44, 0o10_4411)
    );
    assert_eq!(owned.xattrs, [xattr("security.capability", capability)]);
    assert_eq!(tree[Path::new("owned")].xattrs["user.kept"], b"1");
    assert_eq!(mode("owned"), 0o10_4411);
    assert_eq!(mode("closed"), 0o4_0750);
    assert_eq!(remembered("closed").unwrap().mode, 0o4_0050);
    assert_eq!(mode("null"), 0o10_0640);
    let null = remembered("null").unwrap();
    assert_eq!(
        (null.mode, null.device),
        (0o2_0640, Device { major: 1, minor: 3 })
    );
    assert_eq!(mode("pipe") & 0o17_0000, 0o1_0000);
    assert_eq!(mode("dir/x") & 0o17_0000, 0o2_0000);
    assert!(
        tree[Path::new("dir")]
            .xattrs
            .contains_key("user.overlay.opaque")
    );
    let links: Vec<_> = applied
        .remembered
        .iter()
        .map(|entry| &entry.path[..])
        .collect();
    assert_eq!(links, [&b"link"[..], b"link2"]);
    assert_eq!(applied.remembered[0].metadata.user_id, 7);
    assert_eq!(applied.remembered[0].metadata.mode, 0o12_0777);
}

// Root of the machine is the root of a namespace that has every id.
#[test]
fn privileged_what_root_of_a_namespace_cannot_have_is_remembered() {
    if !testkit::running_as_root() {
        return;
    }
    let target = tempfile::tempdir().unwrap();
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let acl = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff";
    let items = [
        with(file("owned", "x"), |entry| {
            (entry.user_id, entry.group_id) = (33, 44);
            entry.mode = 0o4411;
            entry.xattrs = vec![
                xattr("security.capability", capability),
                xattr("user.kept", b"1"),
            ];
        }),
        with(file("listed", "x"), |entry| {
            entry.xattrs = vec![xattr("system.posix_acl_access", acl)];
        }),
        with(symlink("link", "owned"), |entry| entry.user_id = 7),
        node("null", EntryKind::CharacterDevice, 1, 3),
        file("dir/.wh..wh..opq", ""),
    ];
    let options = ApplyOptions::new(Flavour::Subordinate);
    let applied = apply_with(&archive(&items), target.path(), &options, |_| true).unwrap();
    let tree = tree(target.path());
    let found = |path: &str| {
        let found = &tree[Path::new(path)];
        let value = found.xattrs.get(REMEMBERED_XATTR);
        let remembered = value.map(|value| RememberedMetadata::from_bytes(value).unwrap());
        ((found.owner.0, found.owner.1, found.mode), remembered)
    };
    assert_eq!(found("owned"), ((33, 44, 0o10_4411), None));
    let xattrs = &tree[Path::new("owned")].xattrs;
    assert_eq!(xattrs["security.capability"], capability);
    assert_eq!(xattrs["user.kept"], b"1");
    let (_, listed) = found("listed");
    assert_eq!(
        listed.unwrap().xattrs,
        [xattr("system.posix_acl_access", acl)]
    );
    assert_eq!(found("link").0.0, 7);
    let (on_disk, null) = found("null");
    assert_eq!(on_disk.2, 0o10_0640);
    let device = Device { major: 1, minor: 3 };
    assert_eq!(null.unwrap().device, device);
    assert!(
        tree[Path::new("dir")]
            .xattrs
            .contains_key("user.overlay.opaque")
    );
    assert!(applied.remembered.is_empty());
}

#[test]
fn privileged_every_test_passes_as_nobody() {
    if !testkit::running_as_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let open = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(place.path(), open).unwrap();
    // Where the tests were built may be closed to others.
    let program = place.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--no-new-privs",
        ])
        .arg(&program)
        .args(["--skip", "privileged_", "--test-threads=2"])
        .env("TMPDIR", place.path())
        .env("PROPTEST_CASES", "24")
        .current_dir(place.path())
        .output();
    match output {
        Err(error) => testkit::skip(&format!("setpriv (util-linux) does not run: {error}")),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{text}{errors}");
        }
    }
}
