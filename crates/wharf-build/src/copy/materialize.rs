//! Files of a tree as files of this machine: what a RUN mounts of a context or a stage.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::select::Selected;
use crate::tree::{Node, NodeKind, join};

/// Writes what is selected at `to`, which is not there: a file, or a folder with everything in it. Devices, pipes and sockets are left
/// out. Only root can give files to others; for anybody else they are their own, as root of the container.
///
/// # Errors
/// If a file cannot be read or written.
pub fn materialize(selected: &Selected, to: &Path) -> io::Result<()> {
    write(selected, &selected.path, &selected.node, to)?;
    for item in &selected.items {
        let from = join(&selected.path, &item.path);
        let place = to.join(std::ffi::OsStr::from_bytes(&item.path));
        write(selected, &from, &item.node, &place)?;
    }
    Ok(())
}

fn write(selected: &Selected, from: &[u8], node: &Node, to: &Path) -> io::Result<()> {
    match node.kind {
        NodeKind::Directory => std::fs::DirBuilder::new().mode(0o700).create(to)?,
        NodeKind::File => {
            let mut opened = selected.tree.open(from).map_err(io::Error::other)?;
            let mut file: File = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(to)?;
            io::copy(&mut opened.content, &mut file)?;
        }
        NodeKind::Symlink => {
            std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(&node.target), to)?;
        }
        _ => return Ok(()),
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(to, Some(node.user), Some(node.group))?;
    }
    if node.kind != NodeKind::Symlink {
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(node.mode))?;
    }
    Ok(())
}
