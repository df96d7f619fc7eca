//! A container's file tree, seen from outside: `export`, and what `cp` sees of a container that does not run.
//!
//! The tree is put together in a mount namespace of this process alone, so that nobody else sees it, and nothing is left when the
//! process ends. Ordinary users get a user namespace with it, which the kernel gives only to a process with one thread.

use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use wharf_layers::{Overlay, OverlayUpper, TarWriter, TreeKind, archive_tree};
use wharf_runtime::mount_memory;
use wharf_transfer::ErrorKind;

use super::record::ContainerRecord;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

/// What a container's tree is put together for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RootView {
    /// To be read.
    Read,
    /// To be read, with something mounted below it, for which places may have to be made that go with this process.
    ReadWithMounts,
    /// To be changed. The container must not run, and whoever calls holds [`wharf_runtime::ContainerFolder::lock_files`].
    Written,
}

impl Engine {
    /// Writes everything in a container's file tree as an archive; what is mounted in it is not part of that.
    pub fn export_container(
        &self,
        text: &str,
        output: impl std::io::Write,
    ) -> Result<(), EngineError> {
        let container = self.container(text)?;
        let root = self.mount_root(&container.record, RootView::Read)?;
        let kind = TreeKind::Changes(self.store()?.flavour());
        let mut writer = TarWriter::new(output);
        archive_tree(root, kind, &|_| true, &|_| (), &mut writer).map_err(classify)?;
        writer.finish().map_err(classify)?;
        Ok(())
    }

    /// Mounts the container's tree where only this process sees it, and opens it. What the container wrote is one more layer that nobody
    /// changes, unless the view is to be written.
    pub(super) fn mount_root(
        &self,
        record: &ContainerRecord,
        view: RootView,
    ) -> Result<OwnedFd, EngineError> {
        let store = self.store()?;
        let trees = store.layer_trees(record.image).map_err(classify)?;
        let folder = self.container_folder(&record.id);
        let path = |name: &str| folder.path().join(name);
        self.enter_namespace_to_mount()?;
        let mut lowers = trees.lowers;
        let upper = match view {
            RootView::Written => Some((path("upper"), path("work"))),
            RootView::Read => {
                lowers.insert(0, path("upper"));
                None
            }
            RootView::ReadWithMounts => {
                lowers.insert(0, path("upper"));
                Some(throw_away(&path("work")).map_err(classify)?)
            }
        };
        let overlay = Overlay {
            lowers,
            empty: trees.empty,
            upper: upper.map(|(upper, work)| OverlayUpper { upper, work }),
            flavour: store.flavour(),
        };
        let target = path("rootfs");
        overlay.mount(&target).map_err(|error| {
            let text = format!("cannot put the container's files together: {error}");
            failure(ErrorKind::Internal, text)
        })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&target, flags, Mode::empty())
            .map_err(|error| classify(std::io::Error::from(error)))
    }
}

/// Folders for an overlay's changes that go with this process. Over the container's own work folder, for this process alone.
fn throw_away(place: &Path) -> std::io::Result<(PathBuf, PathBuf)> {
    mount_memory(place)?;
    let (upper, work) = (place.join("upper"), place.join("work"));
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o755).create(&upper)?;
    builder.create(&work)?;
    Ok((upper, work))
}
