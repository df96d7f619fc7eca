//! Where images are mounted.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::{Row, params};
use wharf_oci::ImageId;

use super::columns::{parsed, timestamp};
use super::database::{RecordsError, Session};

/// One row of `mounts`.
#[derive(Debug, Clone)]
pub(crate) struct MountRow {
    pub(crate) target: PathBuf,
    pub(crate) image: ImageId,
    pub(crate) writable: bool,
    pub(crate) mount_namespace: String,
    pub(crate) boot_id: String,
    pub(crate) created: Timestamp,
}

impl Session<'_> {
    /// Says that an image is mounted.
    pub(crate) fn put_mount(&self, mount: &MountRow) -> Result<(), RecordsError> {
        self.0.execute(
            "INSERT OR REPLACE INTO mounts (target, image, writable, mount_namespace, boot_id, \
             created_unix) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                mount.target.as_os_str().as_bytes(),
                mount.image.to_string(),
                mount.writable,
                mount.mount_namespace,
                mount.boot_id,
                mount.created.as_second()
            ],
        )?;
        Ok(())
    }

    /// Every mount that was recorded, gone ones included; sorted by target.
    pub(crate) fn mounts(&self) -> Result<Vec<MountRow>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT target, image, writable, mount_namespace, boot_id, created_unix FROM mounts \
             ORDER BY target",
        )?;
        let rows = statement.query_map([], mount_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets a mount.
    pub(crate) fn delete_mount(&self, mount: &MountRow) -> Result<(), RecordsError> {
        self.0.execute(
            "DELETE FROM mounts WHERE target = ?1",
            [mount.target.as_os_str().as_bytes()],
        )?;
        Ok(())
    }
}

fn mount_row(row: &Row<'_>) -> rusqlite::Result<MountRow> {
    Ok(MountRow {
        target: PathBuf::from(OsString::from_vec(row.get(0)?)),
        image: parsed(row, 1)?,
        writable: row.get(2)?,
        mount_namespace: row.get(3)?,
        boot_id: row.get(4)?,
        created: timestamp(row, 5)?,
    })
}
