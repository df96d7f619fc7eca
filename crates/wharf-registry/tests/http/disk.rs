//! A disk that is full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{running_as_root, skip};

use crate::server::{TestServer, Wishes, digest};

const REPOSITORY: &str = "library/r";

/// A small file system of its own.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        if !running_as_root() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(folder.path())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            skip("this machine does not let a test mount a tmpfs");
            return None;
        }
        Some(Self { folder })
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "{} stays mounted",
            self.path().display()
        );
    }
}

#[test]
fn privileged_a_full_disk_takes_nothing_and_breaks_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let server = TestServer::at(disk.path(), Wishes::default());
    let kept = server.push_blob(REPOSITORY, b"kept");
    let upload = server.begin(REPOSITORY);
    server.ask("PATCH", &upload, &[], b"begun").expect(202);

    // More than there is room for: refused, and the room is free again at once.
    let large = vec![b'x'; 30 << 20];
    let range = format!("Content-Range: 5-{}", large.len() + 4);
    for number in 0..3 {
        server
            .ask("PATCH", &upload, &[&range], &large)
            .refuses(507, "INSUFFICIENT_STORAGE");
        assert_eq!(server.offset(&upload), 5);
        let whole = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={}", digest(&large));
        server
            .ask("POST", &whole, &[], &large)
            .refuses(507, "INSUFFICIENT_STORAGE");
        server.push_blob(REPOSITORY, &vec![number; 4 << 20]);
    }

    // No room at all: nothing new, and what is there can be had.
    disk.fill();
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[],"a":"{}"}}"#,
        "a".repeat(100_000)
    );
    for number in 0..5 {
        let content = format!("{number}").into_bytes();
        let whole = format!(
            "/v2/{REPOSITORY}/blobs/uploads/?digest={}",
            digest(&content)
        );
        server
            .ask("POST", &whole, &[], &content)
            .refuses(507, "INSUFFICIENT_STORAGE");
        server
            .push_manifest(REPOSITORY, "x", &index)
            .refuses(507, "INSUFFICIENT_STORAGE");
        let path = format!("/v2/{REPOSITORY}/blobs/{kept}");
        assert_eq!(server.ask("GET", &path, &[], b"").expect(200).body, b"kept");
    }
    let tags = format!("/v2/{REPOSITORY}/tags/list");
    server
        .ask("GET", &tags, &[], b"")
        .refuses(404, "NAME_UNKNOWN");

    disk.make_room();
    server.push_manifest(REPOSITORY, "x", &index).expect(201);
    server
        .ask("PATCH", &upload, &["Content-Range: 5-9"], b"-over")
        .expect(202);
    let finish = format!("{upload}?digest={}", digest(b"begun-over"));
    server.ask("PUT", &finish, &[], b"").expect(201);
    let names: Vec<_> = fs::read_dir(disk.path().join("storage/uploads"))
        .unwrap()
        .collect();
    assert!(names.is_empty(), "{names:?}");
}
