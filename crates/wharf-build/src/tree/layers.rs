//! Layers on top of each other, read as overlayfs shows them, without a mount: what an image or a stage holds.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;
use wharf_images::{Flavour, ImageStore};
use wharf_layers::{REMEMBERED_XATTR, RememberedMetadata};
use wharf_oci::DiffId;

use super::folder::{described, names_in, opened};
use super::node::{FileTree, Lookup, Node, NodeKind, Opened, TreeError};
use super::path::{join, parent};

/// As long as an attribute may be.
const MAXIMUM_REMEMBERED_BYTES: usize = 64 * 1024;

/// Layers on top of each other.
#[derive(Debug)]
pub struct LayersTree {
    /// From the top down.
    layers: Vec<Layer>,
    flavour: Flavour,
    /// In which layers a directory is, from the top down, as far as they are seen.
    directories: Mutex<HashMap<Vec<u8>, Arc<[usize]>>>,
}

#[derive(Debug)]
struct Layer {
    root: OwnedFd,
    path: PathBuf,
    root_is_opaque: bool,
    /// What an ordinary user could not write on links and pipes.
    remembered: HashMap<Vec<u8>, RememberedMetadata>,
}

/// What one layer has at a path.
enum Found {
    Nothing,
    Whiteout,
    Node(Node),
}

impl LayersTree {
    /// The layers, from the base up; those that are not unpacked are now. Keep them under a lease.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn open(store: &ImageStore, diff_ids: &[DiffId]) -> Result<Self, TreeError> {
        let mut layers = Vec::with_capacity(diff_ids.len());
        for diff_id in diff_ids.iter().rev() {
            let record = store.ensure_layer(*diff_id)?;
            let path = store.layer_tree(*diff_id);
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = rustix::fs::open(&path, flags, Mode::empty())
                .map_err(|error| TreeError::io(&path, error))?;
            let remembered = store.remembered_entries(*diff_id)?;
            layers.push(Layer {
                root,
                path,
                root_is_opaque: record.root_is_opaque,
                remembered: remembered
                    .into_iter()
                    .map(|entry| (entry.path, entry.metadata))
                    .collect(),
            });
        }
        Ok(Self {
            layers,
            flavour: store.flavour(),
            directories: Mutex::default(),
        })
    }

    /// The layers that show something of a directory; none if there is no such directory.
    fn parts(&self, path: &[u8]) -> Result<Arc<[usize]>, TreeError> {
        let known = self
            .directories
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(path) {
            return Ok(Arc::clone(found));
        }
        drop(known);
        let parts: Arc<[usize]> = self.find_parts(path)?.into();
        self.directories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_vec(), Arc::clone(&parts));
        Ok(parts)
    }

    fn find_parts(&self, path: &[u8]) -> Result<Vec<usize>, TreeError> {
        let mut parts = Vec::new();
        if path.is_empty() {
            for (index, layer) in self.layers.iter().enumerate() {
                parts.push(index);
                if layer.root_is_opaque {
                    break;
                }
            }
            return Ok(parts);
        }
        for index in self.parts(parent(path))?.iter().copied() {
            match self.look(index, path)? {
                Found::Nothing => {}
                Found::Node(node) if node.is_directory() => {
                    parts.push(index);
                    if self.is_opaque(index, path)? {
                        break;
                    }
                }
                Found::Whiteout | Found::Node(_) => break,
            }
        }
        Ok(parts)
    }

    fn layer(&self, index: usize) -> Result<&Layer, TreeError> {
        self.layers
            .get(index)
            .ok_or_else(|| TreeError::io(PathBuf::new(), io::Error::from(io::ErrorKind::NotFound)))
    }

    /// What a layer has at a path whose directory it has.
    fn look(&self, index: usize, path: &[u8]) -> Result<Found, TreeError> {
        let layer = self.layer(index)?;
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        match statat(&layer.root, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if is_whiteout(&stat) => Ok(Found::Whiteout),
            Ok(stat) => Ok(Found::Node(self.described(layer, path, &stat)?)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => Ok(Found::Nothing),
            Err(error) => Err(TreeError::io(layer.on_disk(path), error)),
        }
    }

    fn described(&self, layer: &Layer, path: &[u8], stat: &Stat) -> Result<Node, TreeError> {
        let mut node = described(stat);
        if node.kind == NodeKind::Symlink {
            let target = readlinkat(&layer.root, path, Vec::new());
            node.target = target
                .map_err(|error| TreeError::io(layer.on_disk(path), error))?
                .into_bytes();
        }
        if self.flavour == Flavour::User {
            (node.user, node.group) = (0, 0);
            if let Some(remembered) = layer.remembered(path, node.kind)? {
                node.user = remembered.user_id;
                node.group = remembered.group_id;
                node.mode = remembered.mode & 0o7777;
                node.device = remembered.device;
                node.kind = match FileType::from_raw_mode(remembered.mode) {
                    FileType::CharacterDevice => NodeKind::CharacterDevice,
                    FileType::BlockDevice => NodeKind::BlockDevice,
                    _ => node.kind,
                };
            }
        }
        Ok(node)
    }

    fn is_opaque(&self, index: usize, path: &[u8]) -> Result<bool, TreeError> {
        let layer = self.layer(index)?;
        let name = match self.flavour {
            Flavour::Root => "trusted.overlay.opaque",
            Flavour::User => "user.overlay.opaque",
        };
        let on_disk = layer.on_disk(path);
        let mut value = [0; 1];
        match rustix::fs::lgetxattr(&on_disk, name, &mut value) {
            Ok(length) => Ok(length == 1 && value == *b"y"),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(TreeError::io(on_disk, error)),
        }
    }

    fn open_at(&self, index: usize, path: &[u8], flags: OFlags) -> Result<OwnedFd, TreeError> {
        let layer = self.layer(index)?;
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(&layer.root, name, flags, Mode::empty())
            .map_err(|error| TreeError::io(layer.on_disk(path), error))
    }
}

impl Layer {
    fn on_disk(&self, path: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        self.path.join(std::ffi::OsStr::from_bytes(path))
    }

    /// What an ordinary user could not set on a file.
    fn remembered(
        &self,
        path: &[u8],
        kind: NodeKind,
    ) -> Result<Option<RememberedMetadata>, TreeError> {
        if let Some(found) = self.remembered.get(path) {
            return Ok(Some(found.clone()));
        }
        if !matches!(kind, NodeKind::File | NodeKind::Directory) {
            return Ok(None);
        }
        let on_disk = self.on_disk(path);
        let mut value = vec![0; MAXIMUM_REMEMBERED_BYTES];
        match rustix::fs::lgetxattr(&on_disk, REMEMBERED_XATTR, &mut value[..]) {
            Ok(length) => Ok(value.get(..length).and_then(RememberedMetadata::from_bytes)),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            Err(error) => Err(TreeError::io(on_disk, error)),
        }
    }
}

impl Lookup for LayersTree {
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        if path.is_empty() && self.layers.is_empty() {
            return Ok(Some(Node::directory(0o755, 0, 0)));
        }
        for index in self.parts(parent(path))?.iter().copied() {
            match self.look(index, path)? {
                Found::Nothing => {}
                Found::Whiteout => return Ok(None),
                Found::Node(node) => return Ok(Some(node)),
            }
        }
        Ok(None)
    }
}

impl FileTree for LayersTree {
    fn children(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Node)>, TreeError> {
        let mut found: BTreeMap<Vec<u8>, Option<Node>> = BTreeMap::new();
        for index in self.parts(path)?.iter().copied() {
            let folder = self.open_at(index, path, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let on_disk = self.layer(index)?.on_disk(path);
            let names = names_in(&folder, path)
                .map_err(|error| TreeError::io(on_disk, io::Error::from(error)))?;
            for name in names {
                if found.contains_key(&name) {
                    continue;
                }
                let node = match self.look(index, &join(path, &name))? {
                    Found::Node(node) => Some(node),
                    Found::Nothing | Found::Whiteout => None,
                };
                found.insert(name, node);
            }
        }
        let seen = found.into_iter();
        Ok(seen
            .filter_map(|(name, node)| Some((name, node?)))
            .collect())
    }

    fn open(&self, path: &[u8]) -> Result<Opened, TreeError> {
        for index in self.parts(parent(path))?.iter().copied() {
            match self.look(index, path)? {
                Found::Nothing => {}
                Found::Whiteout => break,
                Found::Node(node) => {
                    let file = self.open_at(index, path, OFlags::RDONLY)?;
                    let layer = self.layer(index)?;
                    let mut opened = opened(File::from(file))
                        .map_err(|error| TreeError::io(layer.on_disk(path), error))?;
                    if self.flavour == Flavour::User
                        && let Some(remembered) = layer.remembered(path, node.kind)?
                    {
                        let mut xattrs = remembered.xattrs.into_iter();
                        let kept = xattrs.find(|xattr| xattr.name == b"security.capability");
                        opened.capability = kept.map(|xattr| xattr.value).or(opened.capability);
                    }
                    return Ok(opened);
                }
            }
        }
        let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
        Err(TreeError::io(
            path,
            io::Error::from(io::ErrorKind::NotFound),
        ))
    }
}

fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}
