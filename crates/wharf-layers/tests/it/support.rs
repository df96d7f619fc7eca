//! Archives and trees, made and looked at.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::BufReader;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use wharf_layers::{
    AppliedLayer, ApplyCheckpoint, ApplyLayerError, ApplyOptions, Device, Entry, EntryKind,
    Flavour, TarWriter, Timestamp, Xattr, apply_layer,
};

/// Every archive here is of this moment unless it says otherwise.
pub(crate) const MOMENT: Timestamp = Timestamp {
    seconds: 1_700_000_000,
    nanoseconds: 123_456_789,
};

/// One entry with its content.
pub(crate) type Item = (Entry, Vec<u8>);

pub(crate) fn file(name: &str, content: &str) -> Item {
    (Entry::file(name, 0o644, MOMENT), content.into())
}

pub(crate) fn directory(name: &str) -> Item {
    (Entry::directory(name, 0o755, MOMENT), Vec::new())
}

pub(crate) fn symlink(name: &str, target: &str) -> Item {
    (Entry::symlink(name, target, MOMENT), Vec::new())
}

pub(crate) fn hard_link(name: &str, target: &str) -> Item {
    (Entry::hard_link(name, target, MOMENT), Vec::new())
}

pub(crate) fn node(name: &str, kind: EntryKind, major: u32, minor: u32) -> Item {
    let mut entry = Entry::file(name, 0o640, MOMENT);
    entry.kind = kind;
    entry.device = Device { major, minor };
    (entry, Vec::new())
}

/// Changes the entry of an item.
pub(crate) fn with(mut item: Item, change: impl FnOnce(&mut Entry)) -> Item {
    change(&mut item.0);
    item
}

pub(crate) fn xattr(name: &str, value: &[u8]) -> Xattr {
    Xattr {
        name: name.into(),
        value: value.into(),
    }
}

pub(crate) fn archive(items: &[Item]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (entry, content) in items {
        writer.append_bytes(entry, content).unwrap();
    }
    writer.finish().unwrap()
}

/// Unpacks into `target` as whom the tests run as, with root's flavour if that is root.
pub(crate) fn apply(archive: &[u8], target: &Path) -> Result<AppliedLayer, ApplyLayerError> {
    apply_with(archive, target, &ApplyOptions::new(flavour()), |_| true)
}

/// Unpacks until `go_on` refuses a checkpoint.
pub(crate) fn apply_with(
    archive: &[u8],
    target: &Path,
    options: &ApplyOptions,
    mut go_on: impl FnMut(&ApplyCheckpoint) -> bool,
) -> Result<AppliedLayer, ApplyLayerError> {
    let target = fs::File::open(target).unwrap();
    // An odd buffer, so that headers lie across its end.
    let mut source = BufReader::with_capacity(10_007, archive);
    apply_layer(&mut source, target.as_fd(), options, &mut |checkpoint| {
        if go_on(checkpoint) {
            Ok(())
        } else {
            Err(std::io::Error::other("killed"))
        }
    })
}

pub(crate) fn flavour() -> Flavour {
    if is_root() {
        Flavour::Root
    } else {
        Flavour::User
    }
}

/// A folder for one test: in memory where that can have attributes as disks can, since thousands of
/// small trees are made here.
pub(crate) fn scratch() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm").ok().filter(|folder| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(folder.path(), "user.probe", b"1", flags).is_ok()
            && rustix::fs::removexattr(folder.path(), "user.probe").is_ok()
    });
    in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What is at a path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) content: Vec<u8>,
    pub(crate) device: u64,
    pub(crate) modified: (i64, i64),
    pub(crate) xattrs: BTreeMap<String, Vec<u8>>,
    /// The first path that is the same file.
    pub(crate) first_name: PathBuf,
}

/// All that is below `root`, and `root` itself as the empty path.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Node> {
    let mut nodes = BTreeMap::new();
    let mut inodes = BTreeMap::new();
    let mut ahead = vec![root.to_path_buf()];
    while let Some(path) = ahead.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_path_buf();
        if metadata.is_dir() {
            let inside = fs::read_dir(&path).unwrap();
            ahead.extend(inside.map(|entry| entry.unwrap().path()));
            ahead.sort();
            ahead.reverse();
        }
        let first_name = inodes.entry(metadata.ino()).or_insert_with(|| name.clone());
        let node = Node {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            content: content(&path, &metadata),
            device: metadata.rdev(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            xattrs: xattrs(&path),
            first_name: first_name.clone(),
        };
        nodes.insert(name, node);
    }
    nodes
}

fn content(path: &Path, metadata: &fs::Metadata) -> Vec<u8> {
    if metadata.is_file() {
        fs::read(path).unwrap()
    } else if metadata.is_symlink() {
        fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
    } else {
        Vec::new()
    }
}

fn xattrs(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 65_536];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap_or(0);
    let mut values = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0) {
        if !name.is_empty() {
            let mut value = vec![0; 65_536];
            let length = rustix::fs::lgetxattr(path, name, &mut value).unwrap();
            value.truncate(length);
            let name = OsStr::from_bytes(name).to_string_lossy().into_owned();
            values.insert(name, value);
        }
    }
    values
}
