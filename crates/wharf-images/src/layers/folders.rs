//! Where layers lie.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use wharf_oci::DiffId;

use super::error::{LayerError, io_error};
use crate::store::Shared;

const PARTIAL: &str = ".partial";

impl Shared {
    /// Where the layer is, or would be.
    pub(crate) fn layer_path(&self, diff_id: DiffId) -> PathBuf {
        self.layers().join(folder_name(diff_id))
    }

    /// Where the layer is while it is unpacked.
    pub(crate) fn partial_layer_path(&self, diff_id: DiffId) -> PathBuf {
        self.layers().join(folder_name(diff_id) + PARTIAL)
    }
}

/// The diff ID whose folder is called `name`, and whether it is still being unpacked.
pub(crate) fn parse_folder_name(name: &str) -> Option<(DiffId, bool)> {
    let (name, partial) = match name.strip_suffix(PARTIAL) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let digest = name.replacen('-', ":", 1).parse().ok()?;
    Some((DiffId::new(digest), partial))
}

fn folder_name(diff_id: DiffId) -> String {
    let digest = diff_id.digest();
    format!("{}-{}", digest.algorithm().name(), digest.hex())
}

pub(super) fn open_folder(path: &Path) -> Result<OwnedFd, LayerError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|error| io_error(path)(error.into()))
}

pub(super) fn make_folder(path: &Path) -> Result<(), LayerError> {
    std::fs::create_dir_all(path)
        // A layer need not say what the root folder is like: then it is so, whatever the umask.
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(0o755)))
        .map_err(io_error(path))
}

/// As [`make_folder`], for a folder that another process may rename at any moment: whether it was there long enough to be
/// seen. Its mode matters to nobody but its owner.
pub(super) fn make_partial_folder(path: &Path) -> Result<bool, LayerError> {
    match std::fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(path.is_dir()),
        Err(error) => Err(io_error(path)(error)),
    }
}

pub(super) fn write_unsynced(path: &Path, content: &[u8]) -> Result<(), LayerError> {
    File::create(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(io_error(path))
}

pub(super) fn remove_file_if_there(path: &Path) -> Result<(), LayerError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}
