//! Lists a file tree entry by entry, with everything that a layer can say about an entry, and compares two such lists.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use wharf_oci::Digest;

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Relative to the top, which itself is the empty path.
    pub path: PathBuf,
    /// `file`, `directory`, `symlink`, `character device`, `block device`, `fifo` or `socket`.
    pub kind: &'static str,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of a file's content in bytes; 0 for everything else.
    pub size: u64,
    /// The digest of a file's content.
    pub content: Option<Digest>,
    /// What a symbolic link says.
    pub target: Option<PathBuf>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// The first path, in order, of the same inode, where there are several.
    pub linked_with: Option<PathBuf>,
    /// Extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// Time of modification in nanoseconds since 1970.
    pub modified_ns: i128,
}

impl fmt::Display for TreeEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "/{} {} {:04o} {}:{}",
            self.path.display(),
            self.kind,
            self.mode,
            self.uid,
            self.gid
        )?;
        if let Some(content) = &self.content {
            write!(formatter, " {} bytes {}", self.size, content.short())?;
        }
        if let Some(target) = &self.target {
            write!(formatter, " -> {}", target.display())?;
        }
        if let Some((major, minor)) = self.device {
            write!(formatter, " device {major}:{minor}")?;
        }
        if let Some(first) = &self.linked_with {
            write!(formatter, " same as /{}", first.display())?;
        }
        for (name, value) in &self.xattrs {
            write!(formatter, " {name}={}", value.escape_ascii())?;
        }
        write!(formatter, " modified {}", self.modified_ns)
    }
}

/// Lists everything below `top`, and `top` itself, sorted by path. Sockets are listed, other file systems are entered.
///
/// Overlay's own attributes (`trusted.overlay.*`, `user.overlay.*`) are left out: they say how a tree is stored, not what it is.
pub fn list_tree(top: &Path) -> Vec<TreeEntry> {
    let mut paths = vec![PathBuf::new()];
    collect(top, Path::new(""), &mut paths);
    paths.sort();
    let mut first_of_inode = HashMap::new();
    paths
        .into_iter()
        .map(|path| describe(top, path, &mut first_of_inode))
        .collect()
}

/// Says for each entry that is not the same in both trees what it is in each; empty when the trees are equal.
pub fn compare_trees(expected: &[TreeEntry], actual: &[TreeEntry]) -> Vec<String> {
    let by_path = |tree: &'_ [TreeEntry]| {
        tree.iter()
            .map(|entry| (entry.path.clone(), entry.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let (expected, actual) = (by_path(expected), by_path(actual));
    let mut differences = Vec::new();
    for (path, entry) in &expected {
        match actual.get(path) {
            None => differences.push(format!("missing: {entry}")),
            Some(other) if other != entry => {
                differences.push(format!("expected: {entry}\n  actual: {other}"));
            }
            Some(_) => {}
        }
    }
    differences.extend(
        actual
            .iter()
            .filter(|(path, _)| !expected.contains_key(*path))
            .map(|(_, entry)| format!("too much: {entry}")),
    );
    differences
}

fn collect(top: &Path, folder: &Path, paths: &mut Vec<PathBuf>) {
    let full = top.join(folder);
    let entries =
        fs::read_dir(&full).unwrap_or_else(|error| panic!("listing {}: {error}", full.display()));
    for entry in entries {
        let entry = entry.expect("an entry of a folder");
        let path = folder.join(entry.file_name());
        if entry.file_type().expect("the type of an entry").is_dir() {
            collect(top, &path, paths);
        }
        paths.push(path);
    }
}

fn describe(
    top: &Path,
    path: PathBuf,
    first_of_inode: &mut HashMap<(u64, u64), PathBuf>,
) -> TreeEntry {
    let full = top.join(&path);
    let metadata = fs::symlink_metadata(&full)
        .unwrap_or_else(|error| panic!("looking at {}: {error}", full.display()));
    let file_type = metadata.file_type();
    let is_device = file_type.is_char_device() || file_type.is_block_device();
    let shared = metadata.nlink() > 1 && !file_type.is_dir();
    let first = first_of_inode
        .entry((metadata.dev(), metadata.ino()))
        .or_insert_with(|| path.clone())
        .clone();
    TreeEntry {
        kind: kind_name(file_type),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: if file_type.is_file() {
            metadata.len()
        } else {
            0
        },
        content: file_type
            .is_file()
            .then(|| Digest::of(&crate::files::read(&full))),
        target: file_type
            .is_symlink()
            .then(|| fs::read_link(&full).expect("the target of a symbolic link")),
        device: is_device.then(|| {
            (
                rustix::fs::major(metadata.rdev()),
                rustix::fs::minor(metadata.rdev()),
            )
        }),
        linked_with: (shared && first != path).then_some(first),
        xattrs: read_xattrs(&full),
        modified_ns: i128::from(metadata.mtime()) * 1_000_000_000
            + i128::from(metadata.mtime_nsec()),
        path,
    }
}

fn kind_name(file_type: fs::FileType) -> &'static str {
    match file_type {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        kind if kind.is_symlink() => "symlink",
        kind if kind.is_char_device() => "character device",
        kind if kind.is_block_device() => "block device",
        kind if kind.is_fifo() => "fifo",
        _ => "socket",
    }
}

/// A value or a list of names is at most 64 KiB in Linux.
const XATTR_LIMIT: usize = 65_536;

fn read_xattrs(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0_u8; XATTR_LIMIT];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap_or(0);
    names.truncate(length);
    let mut xattrs = BTreeMap::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let text = String::from_utf8_lossy(name).into_owned();
        if text.starts_with("trusted.overlay.") || text.starts_with("user.overlay.") {
            continue;
        }
        let mut value = vec![0_u8; XATTR_LIMIT];
        let length = rustix::fs::lgetxattr(path, std::ffi::OsStr::from_bytes(name), &mut value)
            .unwrap_or_else(|error| panic!("reading {text} of {}: {error}", path.display()));
        value.truncate(length);
        xattrs.insert(text, value);
    }
    xattrs
}
