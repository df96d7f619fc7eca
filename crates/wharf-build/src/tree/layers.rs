//! Layers on top of each other, read as overlayfs shows them, without a mount: what an image or a stage holds.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;
use wharf_images::{Flavour, ImageStore};
use wharf_layers::{Limits, REMEMBERED_XATTR, RememberedMetadata};
use wharf_oci::DiffId;

use super::folder::{described, names_in, opened};
use super::listing::{Found, LayerListing};
use super::node::{FileTree, Lookup, Node, NodeKind, Opened, TreeError};
use super::path::{join, parent};

/// As long as an attribute may be.
const MAXIMUM_REMEMBERED_BYTES: usize = 64 * 1024;
/// A larger archive is unpacked, once, instead of being inflated for its list by every build.
const LISTED_ARCHIVE_BYTES: u64 = 32 << 20;

/// Layers on top of each other.
#[derive(Debug)]
pub struct LayersTree {
    /// From the top down.
    layers: Vec<Arc<Layer>>,
    store: ImageStore,
    flavour: Flavour,
    /// In which layers a directory is, from the top down, as far as they are seen.
    directories: Mutex<HashMap<Vec<u8>, Arc<[usize]>>>,
}

/// What is known of layers by whoever makes one after the other, so that each is looked at once.
#[derive(Debug, Default)]
pub struct KnownLayers(HashMap<DiffId, Arc<Layer>>);

/// A layer: its tree, or a list of what is in it until the tree is needed.
#[derive(Debug)]
struct Layer {
    diff_id: DiffId,
    tree: OnceLock<LayerTree>,
    listing: Option<LayerListing>,
}

#[derive(Debug)]
struct LayerTree {
    root: OwnedFd,
    path: PathBuf,
    root_is_opaque: bool,
    /// What an ordinary user could not write on links and pipes.
    remembered: HashMap<Vec<u8>, RememberedMetadata>,
}

impl LayersTree {
    /// The layers, from the base up; those that are not unpacked are now. Keep them under a lease.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn open(store: &ImageStore, diff_ids: &[DiffId]) -> Result<Self, TreeError> {
        let layers = diff_ids.iter().rev();
        let layers = layers.map(|diff_id| Ok(Arc::new(Layer::unpacked(store, *diff_id)?)));
        Ok(Self::of(store, layers.collect::<Result<_, TreeError>>()?))
    }

    /// The layers, from the base up, to see where something new goes: those that are not unpacked are read as lists, and unpacked when
    /// somebody wants more of them than what is where. Nodes of those tell no identity. Keep them under a lease.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn of_places(
        store: &ImageStore,
        diff_ids: &[DiffId],
        known: &mut KnownLayers,
    ) -> Result<Self, TreeError> {
        let mut layers = Vec::with_capacity(diff_ids.len());
        for diff_id in diff_ids.iter().rev() {
            let layer = match known.0.get(diff_id) {
                Some(layer) => Arc::clone(layer),
                None => Arc::new(Layer::listed(store, *diff_id)?),
            };
            known.0.insert(*diff_id, Arc::clone(&layer));
            layers.push(layer);
        }
        Ok(Self::of(store, layers))
    }

    fn of(store: &ImageStore, layers: Vec<Arc<Layer>>) -> Self {
        Self {
            layers,
            store: store.clone(),
            flavour: store.flavour(),
            directories: Mutex::default(),
        }
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
                if layer.root_is_opaque() {
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
        let layer = self.layers.get(index).map(Arc::as_ref);
        let gone = || TreeError::io(PathBuf::new(), io::Error::from(io::ErrorKind::NotFound));
        layer.ok_or_else(gone)
    }

    fn tree(&self, index: usize) -> Result<&LayerTree, TreeError> {
        self.layer(index)?.tree(&self.store)
    }

    /// What a layer has at a path whose directory it has.
    fn look(&self, index: usize, path: &[u8]) -> Result<Found, TreeError> {
        if let Some(listing) = self.layer(index)?.only_listing() {
            return Ok(listing.look(path));
        }
        let layer = self.tree(index)?;
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        match statat(&layer.root, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if is_whiteout(&stat) => Ok(Found::Whiteout),
            Ok(stat) => Ok(Found::Node(self.described(layer, path, &stat)?)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => Ok(Found::Nothing),
            Err(error) => Err(TreeError::io(layer.on_disk(path), error)),
        }
    }

    fn described(&self, layer: &LayerTree, path: &[u8], stat: &Stat) -> Result<Node, TreeError> {
        let mut node = described(stat);
        if node.kind == NodeKind::Symlink {
            let target = readlinkat(&layer.root, path, Vec::new());
            node.target = target
                .map_err(|error| TreeError::io(layer.on_disk(path), error))?
                .into_bytes();
        }
        (node.user, node.group) = self.flavour.owner((node.user, node.group));
        if self.flavour.is_users()
            && let Some(remembered) = layer.remembered(path, node.kind)?
        {
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
        Ok(node)
    }

    fn is_opaque(&self, index: usize, path: &[u8]) -> Result<bool, TreeError> {
        if let Some(listing) = self.layer(index)?.only_listing() {
            return Ok(listing.is_opaque(path));
        }
        let layer = self.tree(index)?;
        let name = self.flavour.opaque_attribute();
        let on_disk = layer.on_disk(path);
        let mut value = [0; 1];
        match rustix::fs::lgetxattr(&on_disk, name, &mut value) {
            Ok(length) => Ok(length == 1 && value == *b"y"),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(TreeError::io(on_disk, error)),
        }
    }

    fn open_at(&self, index: usize, path: &[u8], flags: OFlags) -> Result<OwnedFd, TreeError> {
        let layer = self.tree(index)?;
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(&layer.root, name, flags, Mode::empty())
            .map_err(|error| TreeError::io(layer.on_disk(path), error))
    }
}

impl KnownLayers {
    /// A layer that was just written has these entries.
    pub fn put(&mut self, diff_id: DiffId, listing: LayerListing) {
        let layer = Layer {
            diff_id,
            tree: OnceLock::new(),
            listing: Some(listing),
        };
        self.0.entry(diff_id).or_insert_with(|| Arc::new(layer));
    }
}

impl Layer {
    fn unpacked(store: &ImageStore, diff_id: DiffId) -> Result<Self, TreeError> {
        let layer = Self {
            diff_id,
            tree: OnceLock::new(),
            listing: None,
        };
        layer.tree(store)?;
        Ok(layer)
    }

    /// Unpacked only if it is anyway, or must be.
    fn listed(store: &ImageStore, diff_id: DiffId) -> Result<Self, TreeError> {
        if store.layer(diff_id)?.is_some() {
            return Self::unpacked(store, diff_id);
        }
        let blobs = store.blobs_of_layer(diff_id)?;
        let small = blobs
            .first()
            .filter(|blob| blob.size <= LISTED_ARCHIVE_BYTES);
        let archive = small.map(|blob| store.blobs().open_blob(&blob.digest));
        let Some(Ok(archive)) = archive else {
            return Self::unpacked(store, diff_id);
        };
        // What is wrong with it is said by who unpacks it.
        match LayerListing::of_archive(archive, &Limits::default()) {
            Ok(Some(listing)) => Ok(Self {
                diff_id,
                tree: OnceLock::new(),
                listing: Some(listing),
            }),
            _ => Self::unpacked(store, diff_id),
        }
    }

    /// Its tree, which is unpacked now if it is not there yet.
    fn tree(&self, store: &ImageStore) -> Result<&LayerTree, TreeError> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let tree = LayerTree::open(store, self.diff_id)?;
        Ok(self.tree.get_or_init(|| tree))
    }

    /// The list of what is in it, as long as there is no tree.
    fn only_listing(&self) -> Option<&LayerListing> {
        let listing = self.listing.as_ref();
        listing.filter(|_| self.tree.get().is_none())
    }

    fn root_is_opaque(&self) -> bool {
        let listed = self.listing.as_ref().map(|listing| listing.is_opaque(b""));
        listed.unwrap_or_else(|| self.tree.get().is_some_and(|tree| tree.root_is_opaque))
    }
}

impl LayerTree {
    fn open(store: &ImageStore, diff_id: DiffId) -> Result<Self, TreeError> {
        let record = store.ensure_layer(diff_id)?;
        let path = store.layer_tree(diff_id);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&path, flags, Mode::empty())
            .map_err(|error| TreeError::io(&path, error))?;
        let remembered = store.remembered_entries(diff_id)?;
        Ok(Self {
            root,
            path,
            root_is_opaque: record.root_is_opaque,
            remembered: remembered
                .into_iter()
                .map(|entry| (entry.path, entry.metadata))
                .collect(),
        })
    }

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
            let on_disk = self.tree(index)?.on_disk(path);
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
                    let layer = self.tree(index)?;
                    let mut opened = opened(File::from(file))
                        .map_err(|error| TreeError::io(layer.on_disk(path), error))?;
                    if self.flavour.is_users()
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use wharf_images::OpenOptions;
    use wharf_layers::{Compressor, Entry, EntryKind, TarWriter};
    use wharf_oci::{Algorithm, Descriptor, Hasher, MediaType};

    use super::*;

    fn store(folder: &std::path::Path) -> ImageStore {
        ImageStore::open(folder, OpenOptions::new(Flavour::User)).unwrap()
    }

    /// A packed layer of `name` (a folder), `name->target`, `name=hard link` and `name:content`.
    fn layer(store: &ImageStore, entries: &[&str]) -> DiffId {
        let mut tar = TarWriter::new(Vec::new());
        for text in entries {
            let mut entry = Entry {
                name: text.as_bytes().to_vec(),
                mode: 0o755,
                user_id: 7,
                kind: EntryKind::Directory,
                ..Entry::default()
            };
            let mut content = "";
            for (mark, kind) in [
                ("->", EntryKind::Symlink),
                ("=", EntryKind::HardLink),
                (":", EntryKind::File),
            ] {
                if let Some((name, rest)) = text.split_once(mark) {
                    entry.name = name.as_bytes().to_vec();
                    entry.kind = kind;
                    if kind == EntryKind::File {
                        (content, entry.mode) = (rest, 0o640);
                        entry.size_bytes = rest.len() as u64;
                    } else {
                        entry.link_target = rest.as_bytes().to_vec();
                    }
                    break;
                }
            }
            tar.append_bytes(&entry, content.as_bytes()).unwrap();
        }
        let plain = tar.finish().unwrap();
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&plain);
        let diff_id = DiffId::new(hasher.finish());
        let mut packed = Compressor::gzip(store.blobs().spool().unwrap(), 6, 1).unwrap();
        packed.write_all(&plain).unwrap();
        let blobs = store.blobs();
        let (digest, size) = packed
            .finish()
            .unwrap()
            .publish(blobs, blobs.group_sync())
            .unwrap();
        let blob = Descriptor::new(MediaType::DOCKER_LAYER_GZIP, digest, size);
        store.remember_layer_blob(&blob, diff_id).unwrap();
        diff_id
    }

    const BELOW: [&str; 12] = [
        "d/",
        "d/x:X",
        "d/sub/",
        "d/sub/y:Y",
        "e/",
        "e/old:1",
        "f:F",
        "first:1",
        "again=first",
        "link->d",
        "other->e",
        "same:0",
    ];
    const ABOVE: [&str; 9] = [
        ".wh.f",
        "d/",
        "d/.wh.x",
        "d/sub/",
        "d/sub/.wh..wh..opq",
        "d/sub/z:Z",
        "e->d",
        "link/",
        "link/new:N",
    ];

    #[test]
    fn a_list_shows_what_the_tree_shows_and_unpacks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let layers = [layer(&store, &BELOW), layer(&store, &ABOVE)];
        let all = BELOW.iter().chain(&ABOVE);
        let mut paths: Vec<&str> = all
            .map(|text| text.split(['-', '=', ':']).next().unwrap())
            .map(|path| path.trim_end_matches('/'))
            .collect();
        paths.extend([
            "",
            "d/nothing",
            "f/below",
            "e/old/deeper",
            "link/x",
            "d/sub/y",
        ]);
        let seen = |tree: &LayersTree, path: &str| {
            let node = tree.node(path.as_bytes()).unwrap();
            node.map(|node| (node.kind, node.mode, node.user, node.size, node.target))
        };
        let mut known = KnownLayers::default();
        let places = LayersTree::of_places(&store, &layers, &mut known).unwrap();
        let listed: Vec<_> = paths.iter().map(|path| seen(&places, path)).collect();
        for diff_id in layers {
            assert!(store.layer(diff_id).unwrap().is_none());
        }
        let whole = LayersTree::open(&store, &layers).unwrap();
        for (path, listed) in paths.iter().zip(listed) {
            let on_disk = seen(&whole, path);
            assert_eq!(listed, on_disk, "{path}");
        }
        // Whoever wants more has it unpacked.
        let names = |tree: &LayersTree| -> Vec<Vec<u8>> {
            let children = tree.children(b"d").unwrap();
            children.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&places), names(&whole));
    }

    #[test]
    fn what_a_list_cannot_show_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        // without the folder in front of it, and with one name twice
        for entries in [&["a/b:B"][..], &["a:1", "a:2"], &["./a:1"]] {
            let diff_id = layer(&store, entries);
            let mut known = KnownLayers::default();
            let places = LayersTree::of_places(&store, &[diff_id], &mut known).unwrap();
            assert!(store.layer(diff_id).unwrap().is_some(), "{entries:?}");
            assert!(places.node(b"a").unwrap().is_some());
        }
    }
}
