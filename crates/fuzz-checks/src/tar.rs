//! Layers: reading their archives, and unpacking them.

use std::fs;
use std::io::{BufReader, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tempfile::TempDir;
use wharf_layers::{
    ApplyOptions, Entry, EntryKind, Flavour, Limits, TarReader, TarWriter, apply_layer, remove_tree,
};
use wharf_oci::Digest;

/// Content that is looked at, per entry.
const CONTENT_LIMIT_BYTES: u64 = 256 << 10;
const CANARY: &str = "must not change";

fn limits() -> Limits {
    Limits {
        unpacked_bytes: 1 << 20,
        entries: 200,
        path_depth: 64,
        sparse_segments: 1_000,
        memory_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// Takes the bytes for a layer's archive.
pub(crate) fn check(bytes: &[u8]) {
    check_entries(bytes);
    let is_root = rustix::process::geteuid().is_root();
    let user = check_apply(bytes, Flavour::User);
    if is_root {
        let root = check_apply(bytes, Flavour::Root);
        if let (Some(user), Some(root)) = (user, root) {
            assert_eq!(user, root, "the diff ID depends on who unpacks");
        }
    }
}

/// Each entry that can be read can be written, and is the same when it is read again.
fn check_entries(bytes: &[u8]) {
    let mut reader = TarReader::new(bytes, limits());
    let mut entry = Entry::default();
    while let Ok(true) = reader.read_entry(&mut entry) {
        assert!(entry.name.len() <= limits().path_bytes && !entry.name.contains(&0));
        assert!(entry.mode <= 0o7777 && entry.modified.nanoseconds < 1_000_000_000);
        let mut content = Vec::new();
        let mut source = reader.content(&entry).take(CONTENT_LIMIT_BYTES + 1);
        let is_whole =
            source.read_to_end(&mut content).is_ok() && content.len() as u64 <= CONTENT_LIMIT_BYTES;
        let is_plain = entry.sparse.is_none() && !matches!(entry.kind, EntryKind::Other(_));
        if is_whole && is_plain {
            assert_eq!(content.len() as u64, entry.size_bytes, "{entry:?}");
            check_written(&entry, &content);
        }
    }
}

fn check_written(entry: &Entry, content: &[u8]) {
    let mut writer = TarWriter::new(Vec::new());
    // The writer may refuse what no archive can say, such as an attribute's name with an equals sign.
    if writer.append_bytes(entry, content).is_err() {
        return;
    }
    let archive = writer.finish().expect("writing to memory");
    let mut reader = TarReader::new(archive.as_slice(), limits());
    let mut again = Entry::default();
    let found = reader.read_entry(&mut again);
    assert!(
        matches!(found, Ok(true)),
        "{entry:?} was written and cannot be read: {found:?}"
    );
    again.accessed = entry.accessed;
    let is_device = matches!(
        entry.kind,
        EntryKind::CharacterDevice | EntryKind::BlockDevice
    );
    if !is_device {
        again.device = entry.device;
    }
    if !matches!(entry.kind, EntryKind::HardLink | EntryKind::Symlink) {
        again.link_target.clone_from(&entry.link_target);
    }
    assert_eq!(
        again, *entry,
        "an entry changed when it was written and read"
    );
}

/// Unpacks into a folder beside which nothing may change, and gives the diff ID if the archive is good.
fn check_apply(bytes: &[u8], flavour: Flavour) -> Option<Digest> {
    let scratch = scratch();
    for folder in ["layer", "outside"] {
        fs::create_dir(scratch.path().join(folder)).expect("a folder");
    }
    let canaries = ["outside/canary", "canary"].map(|path| scratch.path().join(path));
    for canary in &canaries {
        let mut file = fs::File::create(canary).expect("a file");
        std::io::Write::write_all(&mut file, CANARY.as_bytes()).expect("a file");
    }
    let before = look_around(scratch.path());
    let options = ApplyOptions {
        limits: limits(),
        ..ApplyOptions::new(flavour)
    };
    let target = fs::File::open(scratch.path().join("layer")).expect("a folder");
    let mut source = BufReader::with_capacity(1_009, bytes);
    let applied = apply_layer(&mut source, target.as_fd(), &options, &mut |_| Ok(()));
    assert_eq!(
        look_around(scratch.path()),
        before,
        "something changed outside the layer"
    );
    let applied = applied.ok();
    if let Some(applied) = &applied {
        assert_eq!(*applied.diff_id.digest(), Digest::of(bytes));
        assert_eq!(applied.tar_size_bytes, bytes.len() as u64);
        assert!(
            applied.entries <= limits().entries
                && applied.tar_size_bytes <= limits().unpacked_bytes
        );
    }
    let place = fs::File::open(scratch.path()).expect("a folder");
    remove_tree(&place, "layer").expect("whatever was unpacked can be removed");
    assert!(!scratch.path().join("layer").exists());
    applied.map(|applied| *applied.diff_id.digest())
}

/// In memory where there is such a place, since many small trees are made.
fn scratch() -> TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a temporary folder")
}

/// All that is around the layer, in words: names, what they are, owners, modes, links and contents.
fn look_around(scratch: &Path) -> Vec<String> {
    let mut seen = Vec::new();
    let mut ahead = vec![scratch.to_path_buf()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .strip_prefix(scratch)
                .expect("a path below the scratch folder")
                .to_owned();
            if name == Path::new("layer") {
                seen.push("layer".to_owned());
                continue;
            }
            let metadata = fs::symlink_metadata(&path).expect("an entry");
            let content = if metadata.is_file() {
                fs::read(&path).expect("a file")
            } else {
                Vec::new()
            };
            seen.push(format!(
                "{} {:o} {}:{} {} {} {content:?}",
                name.display(),
                metadata.mode(),
                metadata.uid(),
                metadata.gid(),
                metadata.nlink(),
                metadata.mtime_nsec(),
            ));
            if metadata.is_dir() {
                ahead.push(path);
            }
        }
    }
    seen.sort();
    seen
}
