//! Puts one entry into the layer's directory, by its kind.
//!
//! # Whiteouts and what the layer itself has of the same name
//!
//! `.wh.NAME` hides NAME of the layers below, and the image specification says that it never hides
//! what its own layer has, wherever the entries stand in the archive. Docker and containerd do not
//! agree with themselves about that: on overlayfs they fail when NAME came first, and let what lies
//! below a directory NAME shine through when NAME comes second; on other file systems they delete
//! what came first. This follows the specification, and umoci: a file of the same layer stays and
//! hides the one below by itself, and a directory of the same layer becomes opaque.

use std::io::BufRead;
use std::os::fd::AsFd as _;

use rustix::fs::{AtFlags, FileType, Mode, fremovexattr, linkat, mkdirat, symlinkat};
use rustix::io::Errno;

use super::create::{
    is_same_file, look_at, mark_opaque, new_file, new_node, new_whiteout, open_directory,
    write_content,
};
use super::directories::DirectoryCache;
use super::error::Fault;
use super::layer_tree::DirectoryRecord;
use super::metadata::{Plan, Times, set_times, set_times_at};
use super::path::{push, split};
use super::remembered::REMEMBERED_XATTR;
use super::unpack::{DISK_BLOCK_BYTES, Unpacker};
use crate::tar::{Entry, EntryKind, TarReader};

/// Where a directory comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It has an entry.
    Entry,
    /// Something in it has.
    Implied,
}

impl Unpacker<'_> {
    /// Sets the metadata of the layer's root.
    pub(super) fn place_root(&mut self, entry: &Entry) -> Result<(), Fault> {
        if entry.kind != EntryKind::Directory {
            return Err(Fault::Entry("the layer's root must be a directory"));
        }
        let (plan, record) = self.plan_directory(b"", entry);
        if self.writing {
            self.counts.xattrs_refused += plan.set_on(self.root, false)?;
        }
        self.root_record = Some(record);
        Ok(())
    }

    /// A directory; one over another merges with it.
    pub(super) fn place_directory(&mut self, path: &[u8], entry: &Entry) -> Result<(), Fault> {
        let (plan, record) = self.plan_directory(path, entry);
        if self.writing {
            self.make_directory(path, &plan, Origin::Entry)?;
        }
        if !self.tree.is_directory(path) {
            self.forget(path);
        }
        self.tree.insert_directory(path, record)?;
        Ok(())
    }

    // What the children of a directory would inherit is set last.
    fn plan_directory<'e>(&mut self, path: &[u8], entry: &'e Entry) -> (Plan<'e>, DirectoryRecord) {
        let mut plan = Plan::new(entry, self.options.flavour, &self.natural);
        if let Some(acl) = plan.take_default_acl() {
            self.default_acls.push((path.to_vec(), acl.to_vec()));
        }
        let final_mode = (plan.mode & 0o2000 != 0).then_some(plan.mode);
        plan.mode &= 0o5777;
        let record = DirectoryRecord {
            times: Times::of(entry),
            final_mode,
        };
        (plan, record)
    }

    /// Creates a directory, or gives one that is there the metadata of `plan`.
    pub(super) fn make_directory(
        &mut self,
        path: &[u8],
        plan: &Plan<'_>,
        origin: Origin,
    ) -> Result<(), Fault> {
        let (parent, name) = split(path);
        let make = |parents: &mut DirectoryCache<'_>| {
            mkdirat(parents.open(parent)?, name, plan.creation_mode())
        };
        let fresh = match make(&mut self.parents) {
            Ok(()) => true,
            Err(Errno::EXIST) => {
                let (kind, whiteout) = look_at(self.parents.open(parent)?, name)?;
                if kind != FileType::Directory {
                    if origin == Origin::Implied && !whiteout {
                        return Err(Fault::Entry("its parent is not a directory"));
                    }
                    self.replace(path)?;
                    make(&mut self.parents)?;
                }
                kind != FileType::Directory
            }
            Err(error) => return Err(error.into()),
        };
        let opaque = self.tree.is_whiteout(path);
        if fresh && !opaque && plan.is_natural() {
            return Ok(());
        }
        let directory = open_directory(self.parents.open(parent)?, name)?;
        if !fresh && self.options.flavour.is_users() {
            // An earlier entry of the same name may have had something to remember.
            match fremovexattr(&directory, REMEMBERED_XATTR) {
                Ok(()) | Err(Errno::NODATA) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.counts.xattrs_refused += plan.set_on(directory.as_fd(), fresh)?;
        if opaque {
            mark_opaque(&directory, self.options.flavour)?;
        }
        Ok(())
    }

    /// A regular file with its content.
    pub(super) fn place_file<R: BufRead>(
        &mut self,
        path: &[u8],
        entry: &Entry,
        reader: &mut TarReader<R>,
    ) -> Result<(), Fault> {
        let stored = match &entry.sparse {
            Some(segments) => segments.iter().map(|segment| segment.length).sum(),
            None => entry.size_bytes,
        };
        self.counts.disk_bytes += stored.next_multiple_of(DISK_BLOCK_BYTES);
        if !self.writing {
            self.forget(path);
            return Ok(());
        }
        let plan = Plan::new(entry, self.options.flavour, &self.natural);
        let file = self.create(path, |parent, name| {
            new_file(parent, name, plan.creation_mode())
        })?;
        write_content(&file, entry, reader, &mut self.checkpoints)?;
        if !plan.is_natural() {
            self.counts.xattrs_refused += plan.set_on(file.as_fd(), true)?;
        }
        set_times(&file, Times::of(entry))?;
        Ok(())
    }

    /// A symbolic link, whatever it leads to.
    pub(super) fn place_symlink(&mut self, path: &[u8], entry: &Entry) -> Result<(), Fault> {
        let target = &entry.link_target[..];
        if target.is_empty() {
            return Err(Fault::Entry("it is a symbolic link to nothing"));
        }
        if self.writing {
            self.create(path, |parent, name| symlinkat(target, parent, name))?;
        } else {
            self.forget(path);
        }
        self.tree.insert_symlink(path, target)?;
        self.finish_unopened(path, entry)
    }

    /// A named pipe or a device node.
    pub(super) fn place_node(
        &mut self,
        path: &[u8],
        entry: &Entry,
        kind: FileType,
    ) -> Result<(), Fault> {
        let plan = Plan::new(entry, self.options.flavour, &self.natural);
        if self.options.flavour.is_users() && kind != FileType::Fifo {
            // An ordinary user cannot create devices: an empty file remembers that it is one.
            if self.writing {
                let file = self.create(path, |parent, name| {
                    new_file(parent, name, plan.creation_mode())
                })?;
                plan.set_on(file.as_fd(), true)?;
                set_times(&file, Times::of(entry))?;
            } else {
                self.forget(path);
            }
            return Ok(());
        }
        if self.writing {
            let mode = plan.creation_mode();
            self.create(path, |parent, name| {
                new_node(parent, name, kind, mode, entry.device)
            })?;
        } else {
            self.forget(path);
        }
        self.finish_unopened(path, entry)?;
        if self.writing && !plan.has_natural_mode() {
            let (parent, name) = split(path);
            let mode = Mode::from_raw_mode(plan.mode);
            // Not a link: it was created a moment ago in a directory that is ours alone.
            rustix::fs::chmodat(self.parents.open(parent)?, name, mode, AtFlags::empty())?;
        }
        Ok(())
    }

    // Owner, attributes and times of what cannot be opened.
    fn finish_unopened(&mut self, path: &[u8], entry: &Entry) -> Result<(), Fault> {
        let plan = Plan::new(entry, self.options.flavour, &self.natural);
        if self.writing {
            let (parent, name) = split(path);
            let parent = self.parents.open(parent)?;
            self.counts.xattrs_refused += plan.set_at(parent, name)?;
            set_times_at(parent, name, Times::of(entry))?;
        }
        if let Some(metadata) = plan.remembered {
            self.remember(path, metadata)?;
        }
        Ok(())
    }

    /// A further name of a file. Its metadata is that of the file, whatever the entry says.
    pub(super) fn place_hard_link(&mut self, path: &[u8], entry: &Entry) -> Result<(), Fault> {
        let target = self.clean(&entry.link_target)?;
        let (parent, target_name) = split(&target);
        let missing = || Fault::HardLinkTarget(entry.link_target.clone());
        let mut target_parent = Vec::new();
        self.tree.resolve(parent, &mut target_parent)?;
        let mut target = target_parent.clone();
        push(&mut target, target_name);
        if target == path {
            return Err(Fault::Entry("it is a hard link to itself"));
        }
        if target_name.is_empty() || self.tree.is_directory(&target) {
            return Err(Fault::Entry("it is a hard link to a directory"));
        }
        if self.writing {
            if !self.tree.is_directory(&target_parent) {
                return Err(missing());
            }
            self.make_hard_link(path, &target_parent, target_name, missing)?;
        }
        self.forget(path);
        if let Some(link) = self.tree.link_target(&target).map(<[u8]>::to_vec) {
            self.tree.insert_symlink(path, &link)?;
        }
        if let Some(metadata) = self.remembered.get(&target).cloned() {
            self.remember(path, metadata)?;
        }
        Ok(())
    }

    fn make_hard_link(
        &mut self,
        path: &[u8],
        target_parent: &[u8],
        target_name: &[u8],
        missing: impl Fn() -> Fault,
    ) -> Result<(), Fault> {
        let (parent, name) = split(path);
        // A name that this layer only hides is not a file of it.
        let mut target = target_parent.to_vec();
        push(&mut target, target_name);
        if self.tree.is_whiteout(&target) {
            match look_at(self.link_parents.open(target_parent)?, target_name) {
                Ok((_, false)) => {}
                Ok((_, true)) | Err(Errno::NOENT) => return Err(missing()),
                Err(error) => return Err(error.into()),
            }
        }
        for attempt in 0..2 {
            let from = self.link_parents.open(target_parent)?;
            let to = self.parents.open(parent)?;
            match linkat(from, target_name, to, name, AtFlags::empty()) {
                Ok(()) => break,
                Err(Errno::NOENT) => return Err(missing()),
                Err(Errno::EXIST) if attempt == 0 => {
                    match is_same_file((from, target_name), (to, name)) {
                        Ok(true) => break,
                        Ok(false) => self.replace(path)?,
                        Err(Errno::NOENT) => return Err(missing()),
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Hides `path` of the layers below.
    pub(super) fn place_whiteout(&mut self, path: &[u8], entry: &Entry) -> Result<(), Fault> {
        self.tree.insert_whiteout(path)?;
        if !self.writing {
            return Ok(());
        }
        let (parent, name) = split(path);
        let parent = self.parents.open(parent)?;
        let times = Times::of(entry);
        match new_whiteout(parent, name) {
            Ok(()) => set_times_at(parent, name, times)?,
            Err(Errno::EXIST) => match look_at(parent, name)? {
                (FileType::Directory, _) => {
                    mark_opaque(open_directory(parent, name)?, self.options.flavour)?;
                }
                (_, true) => set_times_at(parent, name, times)?,
                // What the layer itself has stays; see the module's comment.
                (_, false) => {}
            },
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Hides everything that the layers below have in the directory `path`.
    pub(super) fn place_opaque(&mut self, path: &[u8]) -> Result<(), Fault> {
        if path.is_empty() {
            self.counts.root_is_opaque = true;
        }
        if self.writing {
            let flavour = self.options.flavour;
            let (parent, name) = split(path);
            if name.is_empty() {
                mark_opaque(self.root, flavour)?;
            } else {
                let directory = open_directory(self.parents.open(parent)?, name)?;
                mark_opaque(directory, flavour)?;
            }
        }
        Ok(())
    }
}
