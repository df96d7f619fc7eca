//! What a container has changed of its image: `diff`, and what `commit` makes a layer of.
//!
//! Starting a container leaves traces in what it wrote: places for its mounts, where the image has none. Docker has them in a layer
//! of their own that nobody sees; here they are left out.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use wharf_images::Flavour;
use wharf_layers::{Removal, TreeKind, for_each_entry};

use super::record::{Container, ContainerRecord};
use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// Where something is mounted in every container (moby, `daemon/initlayer/setup_unix.go`).
const PLACES: [&str; 12] = [
    "dev",
    "dev/console",
    "dev/mqueue",
    "dev/pts",
    "dev/shm",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
    "proc",
    "sys",
    "sys/fs/cgroup",
];
const WHITEOUT_PREFIX: &[u8] = b".wh.";

/// What happened to a path of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It was there, and is another.
    Changed,
    /// It is gone.
    Deleted,
}

/// One path in what a container wrote.
struct Written {
    path: Vec<u8>,
    removed: bool,
}

/// What a container wrote, above what its image has.
pub(super) struct Changes {
    upper: PathBuf,
    lowers: Vec<PathBuf>,
    flavour: Flavour,
    written: Vec<Written>,
    /// Folders that hide what the image has in them.
    opaque: Vec<Vec<u8>>,
    left_out: HashSet<Vec<u8>>,
}

impl Engine {
    /// What a container has changed of its image: absolute paths, sorted.
    pub fn container_changes(
        &self,
        container: &Container,
    ) -> Result<BTreeMap<Vec<u8>, ChangeKind>, EngineError> {
        Ok(self.changes(&container.record)?.told())
    }

    pub(super) fn changes(&self, record: &ContainerRecord) -> Result<Changes, EngineError> {
        let store = self.store()?;
        let mut changes = Changes {
            upper: self.container_folder(&record.id).path().join("upper"),
            lowers: store.layer_trees(record.image).map_err(classify)?.lowers,
            flavour: store.flavour(),
            written: Vec::new(),
            opaque: Vec::new(),
            left_out: HashSet::new(),
        };
        changes.read()?;
        changes.leave_places_out(record);
        Ok(changes)
    }
}

impl Changes {
    /// What it wrote, opened.
    pub(super) fn open(&self) -> Result<OwnedFd, EngineError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&self.upper, flags, Mode::empty())
            .map_err(|error| classify(std::io::Error::from(error)))
    }

    /// What overlayfs' marks in it mean.
    pub(super) fn kind(&self) -> TreeKind {
        TreeKind::Changes(self.flavour)
    }

    /// Whether the container itself wrote that path.
    pub(super) fn is_wanted(&self, path: &[u8]) -> bool {
        !self.left_out.contains(path)
    }

    /// Whether the container itself wrote nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.written
            .iter()
            .all(|written| self.left_out.contains(&written.path))
    }

    fn read(&mut self) -> Result<(), EngineError> {
        let root = self.open()?;
        let (written, opaque) = (&mut self.written, &mut self.opaque);
        for_each_entry(
            root,
            TreeKind::Changes(self.flavour),
            &|_| true,
            &mut |found| {
                let path = found.entry.name;
                let path = path.strip_suffix(b"/").unwrap_or(&path);
                match found.removal {
                    Some(Removal::FolderContent) => opaque.push(parent(path).to_vec()),
                    removal => written.push(Written {
                        path: match removal {
                            Some(_) => without_prefix(path),
                            None => path.to_vec(),
                        },
                        removed: removal.is_some(),
                    }),
                }
                Ok(())
            },
        )
        .map_err(classify)
    }

    /// Leaves out the places of mounts, and folders that are there only for them. What is in a folder is judged before it.
    fn leave_places_out(&mut self, record: &ContainerRecord) {
        let mounted = record.mounts.iter().map(|mount| mount.destination.as_str());
        let places: HashSet<&[u8]> = PLACES
            .into_iter()
            .chain(mounted.map(|path| path.trim_matches('/')))
            .map(str::as_bytes)
            .collect();
        let (mut kept_below, mut left_below) = (HashSet::new(), HashSet::new());
        for written in self.written.iter().rev() {
            let path = written.path.as_slice();
            let is_trace = !written.removed
                && !kept_below.contains(path)
                && !self.opaque.iter().any(|opaque| opaque == path)
                && self.is_trace(path, places.contains(path), left_below.contains(path));
            let above = if is_trace {
                &mut left_below
            } else {
                &mut kept_below
            };
            above.insert(parent(path));
            if is_trace {
                self.left_out.insert(path.to_vec());
            }
        }
    }

    fn is_trace(&self, path: &[u8], is_place: bool, leads_to_place: bool) -> bool {
        let Ok(here) = self.upper.join(OsStr::from_bytes(path)).symlink_metadata() else {
            return false;
        };
        if is_place {
            return here.is_dir() || (here.is_file() && here.len() == 0);
        }
        let same = |below: &Metadata| {
            (below.mode(), below.uid(), below.gid()) == (here.mode(), here.uid(), here.gid())
        };
        leads_to_place && here.is_dir() && self.below(path).as_ref().is_none_or(same)
    }

    fn told(&self) -> BTreeMap<Vec<u8>, ChangeKind> {
        let mut told = BTreeMap::new();
        let absolute = |path: &[u8]| [b"/", path].concat();
        for folder in &self.opaque {
            for name in self.names_below(folder) {
                let path = match folder.as_slice() {
                    b"" => name,
                    folder => [folder, b"/", &name].concat(),
                };
                told.insert(absolute(&path), ChangeKind::Deleted);
            }
        }
        for written in &self.written {
            let path = written.path.as_slice();
            if self.left_out.contains(path) {
                continue;
            }
            let kind = match (written.removed, self.below(path)) {
                (true, _) => ChangeKind::Deleted,
                (false, Some(_)) => ChangeKind::Changed,
                (false, None) => ChangeKind::Added,
            };
            told.insert(absolute(path), kind);
        }
        told
    }

    /// What the image has at a path.
    fn below(&self, path: &[u8]) -> Option<Metadata> {
        for lower in &self.lowers {
            match self.in_layer(lower, path) {
                Seen::There(metadata) => return Some(metadata),
                Seen::Hidden => return None,
                Seen::NotHere => (),
            }
        }
        None
    }

    /// The names that the image has in a folder.
    fn names_below(&self, folder: &[u8]) -> Vec<Vec<u8>> {
        let mut names = HashSet::new();
        for lower in &self.lowers {
            let entries = std::fs::read_dir(lower.join(OsStr::from_bytes(folder)));
            for entry in entries.into_iter().flatten().flatten() {
                names.insert(entry.file_name().as_bytes().to_vec());
            }
        }
        let is_there = |name: &Vec<u8>| {
            let path = match folder {
                b"" => name.clone(),
                folder => [folder, b"/", name].concat(),
            };
            self.below(&path).is_some()
        };
        names.into_iter().filter(is_there).collect()
    }

    fn in_layer(&self, layer: &Path, path: &[u8]) -> Seen {
        let (mut at, mut hides) = (layer.to_path_buf(), false);
        let mut rest = Path::new(OsStr::from_bytes(path)).components().peekable();
        while let Some(name) = rest.next() {
            at.push(name);
            let Ok(metadata) = at.symlink_metadata() else {
                return if hides { Seen::Hidden } else { Seen::NotHere };
            };
            if self.is_whiteout(&at, &metadata) {
                return Seen::Hidden;
            }
            if rest.peek().is_none() {
                return Seen::There(metadata);
            }
            if !metadata.is_dir() {
                return Seen::Hidden;
            }
            hides |= Self::has_mark(&at, self.flavour.opaque_attribute(), b"y");
        }
        Seen::NotHere
    }

    fn is_whiteout(&self, path: &Path, metadata: &Metadata) -> bool {
        let kind = metadata.file_type();
        (kind.is_char_device() && metadata.rdev() == 0)
            || (kind.is_file()
                && metadata.len() == 0
                && Self::has_mark(path, self.flavour.whiteout_attribute(), b""))
    }

    /// Whether overlayfs has marked a file, with that value if one is given.
    fn has_mark(path: &Path, mark: &str, wanted: &[u8]) -> bool {
        let mut value = [0; 8];
        match rustix::fs::lgetxattr(path, mark, &mut value) {
            Ok(length) => wanted.is_empty() || value.get(..length) == Some(wanted),
            Err(_) => false,
        }
    }
}

/// What one layer says of a path.
enum Seen {
    There(Metadata),
    /// Neither it nor the layers below have it.
    Hidden,
    NotHere,
}

/// The folder that a path is in.
fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path.get(..end).unwrap_or_default()
}

/// The path that a mark says is gone.
fn without_prefix(path: &[u8]) -> Vec<u8> {
    let folder = parent(path);
    let name_at = if folder.is_empty() {
        0
    } else {
        folder.len() + 1
    };
    let (folder, name) = path.split_at(name_at.min(path.len()));
    [folder, name.strip_prefix(WHITEOUT_PREFIX).unwrap_or(name)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_for_names() {
        assert_eq!(without_prefix(b"a/.wh.b"), b"a/b");
        assert_eq!(without_prefix(b".wh.b"), b"b");
        assert_eq!((parent(b"a/b/c"), parent(b"a")), (&b"a/b"[..], &b""[..]));
    }
}
