//! Unpacks one layer: reads its archive entry by entry and finds the place of each.
//!
//! # Paths
//!
//! A path whose parent is a symbolic link of the same layer leads to where the link leads within
//! the layer, as in Docker (which changes its root), containerd and umoci (which resolve within the
//! root). It is resolved from what the archive said ([`LayerTree`]); the kernel is never asked to
//! follow a link, and refuses to if it should meet one ([`DirectoryCache`]).

use std::io::{self, BufRead};
use std::mem;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{FileType, Mode, fchmod, fremovexattr};
use rustix::io::Errno;
use wharf_oci::{DiffId, Hasher};

use super::checkpoints::Checkpoints;
use super::create::open_directory;
use super::directories::DirectoryCache;
use super::error::{ApplyLayerError, Fault};
use super::layer_tree::{DirectoryRecord, LayerTree};
use super::metadata::{Natural, Plan, Times, set_default_acl, set_times, set_times_at};
use super::options::{AppliedLayer, ApplyCheckpoint, ApplyOptions};
use super::path::{PathFault, clean_path, push, split};
use super::place::Origin;
use super::remembered::RememberedMetadata;
use super::remembered_links::RememberedLinks;
use crate::limits::LimitExceeded;
use crate::remove_tree;
use crate::tar::{Entry, EntryKind, TarReader};

const WHITEOUT_PREFIX: &[u8] = b".wh.";
const AUFS_PREFIX: &[u8] = b".wh..wh.";
const OPAQUE_NAME: &[u8] = b".wh..wh..opq";

/// The unit that disk space is estimated in.
pub(super) const DISK_BLOCK_BYTES: u64 = 4096;

/// Unpacks the layer whose uncompressed archive is `source` into the directory `target`, and
/// computes its diff ID on the way.
///
/// `target` must be open for reading and empty, or hold what an interrupted call with the same
/// archive and flavour left, in which case `options.resume` is the checkpoint that `progress` was
/// given last, or `None` if it never was. It must belong to nobody else meanwhile. Nothing is
/// synced. The directory that holds it should be closed to other users: the tree has set-user-ID
/// programs.
///
/// The buffer of `source` is hashed and written to files as it is, so give it a large one. The
/// caller compares [`AppliedLayer::diff_id`] with what it expected.
///
/// `progress` is called with every checkpoint, which must be kept (no sync is needed) before it
/// returns; an error of it ends the call.
pub fn apply_layer(
    source: &mut dyn BufRead,
    target: BorrowedFd<'_>,
    options: &ApplyOptions,
    progress: &mut dyn FnMut(&ApplyCheckpoint) -> io::Result<()>,
) -> Result<AppliedLayer, ApplyLayerError> {
    let mut entry = Entry::default();
    let unpacked = Unpacker::new(target, options, progress)
        .and_then(|unpacker| unpacker.run(source, &mut entry));
    unpacked.map_err(|fault| fault.into_error(&entry.name))
}

/// A layer that is being unpacked.
pub(super) struct Unpacker<'a> {
    pub(super) root: BorrowedFd<'a>,
    pub(super) options: &'a ApplyOptions,
    pub(super) natural: Natural,
    pub(super) tree: LayerTree,
    pub(super) parents: DirectoryCache<'a>,
    pub(super) link_parents: DirectoryCache<'a>,
    pub(super) checkpoints: Checkpoints<'a>,
    /// Whether the entries are new, or only read again to know what an earlier run did.
    pub(super) writing: bool,
    pub(super) root_record: Option<DirectoryRecord>,
    pub(super) default_acls: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) remembered: RememberedLinks,
    pub(super) counts: Counts,
    /// The parent of the last entry, as it stands there and canonical: most entries share it.
    pub(super) last_parent: Option<(Vec<u8>, Vec<u8>)>,
}

/// What [`AppliedLayer`] reports.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) entries: u64,
    pub(super) content_bytes: u64,
    pub(super) disk_bytes: u64,
    pub(super) xattrs_refused: u64,
    pub(super) root_is_opaque: bool,
}

impl<'a> Unpacker<'a> {
    fn new(
        root: BorrowedFd<'a>,
        options: &'a ApplyOptions,
        record: &'a mut dyn FnMut(&ApplyCheckpoint) -> io::Result<()>,
    ) -> Result<Self, Fault> {
        // What the store's own folder would hand down to every file of the layer.
        match fremovexattr(root, "system.posix_acl_default") {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        let stat = rustix::fs::fstat(root)?;
        if stat.st_mode & 0o2000 != 0 && options.resume.is_none() {
            fchmod(root, Mode::from_raw_mode(stat.st_mode & 0o5777))?;
        }
        Ok(Self {
            root,
            options,
            natural: Natural::probe(root, options.flavour)?,
            tree: LayerTree::new(&options.limits),
            parents: DirectoryCache::new(root),
            link_parents: DirectoryCache::new(root),
            checkpoints: Checkpoints::new(
                record,
                options.resume.as_ref(),
                options.checkpoint_interval_bytes,
            ),
            writing: false,
            root_record: None,
            default_acls: Vec::new(),
            remembered: RememberedLinks::default(),
            counts: Counts::default(),
            last_parent: None,
        })
    }

    fn run(mut self, source: &mut dyn BufRead, entry: &mut Entry) -> Result<AppliedLayer, Fault> {
        let mut reader = TarReader::new(source, self.options.limits.clone());
        loop {
            reader.finish_entry()?;
            self.at_boundary(&mut reader)?;
            // A failing read leaves the name of the entry before, which is what the error names.
            let name = mem::take(&mut entry.name);
            match reader.read_entry(entry) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    entry.name = name;
                    return Err(error.into());
                }
            }
            self.counts.entries += 1;
            if self.counts.entries > self.options.limits.entries {
                let limit = self.options.limits.entries;
                return Err(LimitExceeded::Entries { limit }.into());
            }
            // Docker adds up what `lstat` says, and there a symbolic link is as long as its target.
            let size_bytes = match entry.kind {
                EntryKind::Symlink => entry.link_target.len() as u64,
                _ => entry.size_bytes,
            };
            self.counts.content_bytes = self.counts.content_bytes.saturating_add(size_bytes);
            self.place(&mut reader, entry)?;
        }
        if !self.writing {
            return Err(Fault::CheckpointMismatch);
        }
        // What is set last would be handed down to files that are created again after it.
        self.checkpoints.offer()?;
        self.finish_directories()?;
        let (digest, tar_size_bytes) = reader.finish()?;
        let diff_id = match self.options.hashed_by_caller {
            Some(diff_id) => diff_id,
            None => DiffId::new(digest.ok_or(Fault::CheckpointMismatch)?),
        };
        Ok(AppliedLayer {
            diff_id,
            tar_size_bytes,
            content_size_bytes: self.counts.content_bytes,
            disk_size_bytes: self.counts.disk_bytes,
            entries: self.counts.entries,
            root_is_opaque: self.counts.root_is_opaque,
            xattrs_refused: self.counts.xattrs_refused,
            remembered: self.remembered.into_entries(),
        })
    }

    // Between two entries: begins to write where the last run stopped, and offers checkpoints.
    fn at_boundary<R: BufRead>(&mut self, reader: &mut TarReader<R>) -> Result<(), Fault> {
        let offset = reader.offset();
        if self.options.hashed_by_caller.is_some() {
            self.writing = true;
        } else if !self.writing {
            let algorithm = self.options.algorithm;
            let (hasher, hashed) = match &self.options.resume {
                None => (Hasher::new(algorithm), offset),
                Some(resume) if offset < resume.tar_offset => return Ok(()),
                Some(resume) if offset > resume.tar_offset => {
                    return Err(Fault::CheckpointMismatch);
                }
                Some(resume) => {
                    let hasher = Hasher::resume(algorithm, &resume.hasher_state)
                        .ok_or(Fault::CheckpointMismatch)?;
                    (hasher, resume.hashed_bytes)
                }
            };
            reader.start_hashing(hasher, hashed.saturating_sub(offset));
            self.writing = true;
        }
        if let Some(hasher) = reader.hasher()? {
            self.checkpoints.pass(offset, hasher)?;
        }
        Ok(())
    }

    fn place<R: BufRead>(&mut self, reader: &mut TarReader<R>, entry: &Entry) -> Result<(), Fault> {
        let clean = self.clean(&entry.name)?;
        if clean.is_empty() {
            return self.place_root(entry);
        }
        let (parent, name) = split(&clean);
        // aufs kept its own files in such directories and under such names.
        let is_aufs = clean.starts_with(AUFS_PREFIX) || name.starts_with(AUFS_PREFIX);
        if is_aufs && name != OPAQUE_NAME {
            return Ok(());
        }
        let path = self.canonical_parent(parent, entry)?;
        if name == OPAQUE_NAME {
            return self.place_opaque(&path);
        }
        let mut path = path;
        if let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX) {
            if matches!(hidden, b"" | b"." | b"..") {
                return Err(Fault::Entry("it is a whiteout of nothing"));
            }
            push(&mut path, hidden);
            return self.place_whiteout(&path, entry);
        }
        push(&mut path, name);
        match entry.kind {
            EntryKind::File => self.place_file(&path, entry, reader),
            EntryKind::Directory => self.place_directory(&path, entry),
            EntryKind::Symlink => self.place_symlink(&path, entry),
            EntryKind::HardLink => self.place_hard_link(&path, entry),
            EntryKind::Fifo => self.place_node(&path, entry, FileType::Fifo),
            EntryKind::CharacterDevice => self.place_node(&path, entry, FileType::CharacterDevice),
            EntryKind::BlockDevice => self.place_node(&path, entry, FileType::BlockDevice),
            EntryKind::Other(_) => Err(Fault::Entry("its type is none that a layer can have")),
        }
    }

    /// A name of the archive in clean form.
    pub(super) fn clean(&self, name: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut clean = Vec::with_capacity(name.len());
        clean_path(name, &self.options.limits, &mut clean).map_err(|fault| match fault {
            PathFault::Escapes => Fault::Escapes(name.to_vec()),
            PathFault::Limit(limit) => limit.into(),
        })?;
        Ok(clean)
    }

    // The canonical path of an entry's parent, which is there afterwards.
    fn canonical_parent(&mut self, parent: &[u8], entry: &Entry) -> Result<Vec<u8>, Fault> {
        if let Some((last, canonical)) = &self.last_parent
            && last == parent
        {
            return Ok(canonical.clone());
        }
        let mut canonical = Vec::new();
        self.tree.resolve(parent, &mut canonical)?;
        self.imply_directories(&canonical, entry)?;
        self.last_parent = Some((parent.to_vec(), canonical.clone()));
        Ok(canonical)
    }

    // Creates what is missing of `path`: layers may leave parents out. Their times are those of the
    // entry that needed them, so that unpacking twice gives the same tree.
    fn imply_directories(&mut self, path: &[u8], entry: &Entry) -> Result<(), Fault> {
        let mut missing = Vec::new();
        let mut ancestor = path;
        while !self.tree.is_directory(ancestor) {
            missing.push(ancestor);
            ancestor = split(ancestor).0;
        }
        for directory in missing.into_iter().rev() {
            let plan = Plan::implied_directory(entry, self.options.flavour, &self.natural);
            if self.writing {
                self.make_directory(directory, &plan, Origin::Implied)?;
            }
            let record = DirectoryRecord {
                times: Times::of(entry),
                final_mode: None,
            };
            self.tree.insert_directory(directory, record)?;
        }
        Ok(())
    }

    /// Creates something with `make`, in place of what may be there.
    pub(super) fn create<T>(
        &mut self,
        path: &[u8],
        make: impl Fn(BorrowedFd<'_>, &[u8]) -> Result<T, Errno>,
    ) -> Result<T, Fault> {
        let (parent, name) = split(path);
        match make(self.parents.open(parent)?, name) {
            Err(Errno::EXIST) => {
                self.replace(path)?;
                Ok(make(self.parents.open(parent)?, name)?)
            }
            other => Ok(other?),
        }
    }

    /// Removes what an earlier entry of the same name made. See `checkpoints.rs`.
    pub(super) fn replace(&mut self, path: &[u8]) -> Result<(), Fault> {
        self.checkpoints.offer()?;
        let (parent, name) = split(path);
        remove_tree::remove(self.parents.open(parent)?, name)?;
        self.parents.clear();
        self.link_parents.clear();
        self.forget(path);
        Ok(())
    }

    /// Forgets what was at `path` and in it.
    pub(super) fn forget(&mut self, path: &[u8]) {
        if self.tree.remove(path) {
            self.last_parent = None;
        }
        self.remembered.remove(path);
    }

    /// Remembers what `path` would have if root unpacked it.
    pub(super) fn remember(
        &mut self,
        path: &[u8],
        metadata: RememberedMetadata,
    ) -> Result<(), Fault> {
        let xattrs = metadata.xattrs.iter();
        let bytes: usize = xattrs
            .map(|xattr| xattr.name.len() + xattr.value.len())
            .sum();
        self.tree.count_memory(path.len() + bytes)?;
        self.remembered.insert(path, metadata);
        Ok(())
    }

    // Sets what had to wait until nothing is created in the directories any more, children first.
    fn finish_directories(&mut self) -> Result<(), Fault> {
        for (path, acl) in &self.default_acls {
            if self.tree.is_directory(path) {
                let (parent, name) = split(path);
                let directory = match name {
                    b"" => rustix::io::dup(self.root)?,
                    _ => open_directory(self.parents.open(parent)?, name)?,
                };
                self.counts.xattrs_refused += set_default_acl(directory.as_fd(), acl)?;
            }
        }
        for (path, record) in self.tree.directories() {
            let (parent, name) = split(path);
            let parent = self.parents.open(parent)?;
            if let Some(mode) = record.final_mode {
                fchmod(open_directory(parent, name)?, Mode::from_raw_mode(mode))?;
            }
            set_times_at(parent, name, record.times)?;
            self.counts.disk_bytes += DISK_BLOCK_BYTES;
        }
        if let Some(record) = self.root_record {
            if let Some(mode) = record.final_mode {
                fchmod(self.root, Mode::from_raw_mode(mode))?;
            }
            set_times(self.root, record.times)?;
        }
        Ok(())
    }
}
