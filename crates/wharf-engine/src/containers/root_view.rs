//! A container's file tree, seen from outside: `export`, and `cp` where the container does not run.
//!
//! The tree is put together in a mount namespace of this process alone, so that nobody else sees it, and nothing is left when the
//! process ends. Ordinary users get a user namespace with it, which the kernel gives only to a process with one thread.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use wharf_images::{Flavour, NamespaceError, enter_mount_namespace, enter_user_namespace};
use wharf_layers::{Overlay, OverlayUpper, TarWriter, TreeKind, archive_tree};
use wharf_transfer::ErrorKind;

use super::record::ContainerRecord;
use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure};

impl Classified for NamespaceError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Forbidden(_) => ErrorKind::Denied,
            _ => ErrorKind::Internal,
        }
    }
}

impl Engine {
    /// Writes everything in a container's file tree as an archive; what is mounted in it is not part of that.
    pub fn export_container(
        &self,
        text: &str,
        output: impl std::io::Write,
    ) -> Result<(), EngineError> {
        let container = self.container(text)?;
        let root = self.mount_root(&container.record, false)?;
        let kind = TreeKind::Changes(self.store()?.flavour());
        let mut writer = TarWriter::new(output);
        archive_tree(root, kind, &|_| true, &|_| (), &mut writer).map_err(classify)?;
        writer.finish().map_err(classify)?;
        Ok(())
    }

    /// Mounts the container's tree where only this process sees it, and opens it. To write, the container must not run, and whoever
    /// calls holds its lock. Where it is only read, what the container wrote is one more layer that nobody changes.
    pub(super) fn mount_root(
        &self,
        record: &ContainerRecord,
        writable: bool,
    ) -> Result<OwnedFd, EngineError> {
        let store = self.store()?;
        let trees = store.layer_trees(record.image).map_err(classify)?;
        let folder = self.container_folder(&record.id);
        let upper = folder.path().join("upper");
        let mut lowers = trees.lowers;
        let upper = if writable {
            Some(OverlayUpper {
                upper,
                work: folder.path().join("work"),
            })
        } else {
            lowers.insert(0, upper);
            None
        };
        let overlay = Overlay {
            lowers,
            empty: trees.empty,
            upper,
            flavour: store.flavour(),
        };
        match store.flavour() {
            Flavour::User => enter_user_namespace(),
            Flavour::Root => enter_mount_namespace(),
        }
        .map_err(classify)?;
        let target = folder.path().join("rootfs");
        overlay.mount(&target).map_err(|error| {
            let text = format!("cannot put the container's files together: {error}");
            failure(ErrorKind::Internal, text)
        })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&target, flags, Mode::empty())
            .map_err(|error| classify(std::io::Error::from(error)))
    }
}
