//! Which of the recorded mounts are still there.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use wharf_blobs::BootId;

use crate::process::namespace;
use crate::records::{MountRow, RecordsError};

/// Why it is not known what is mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountsError {
    /// `/proc` does not tell.
    #[error("cannot read /proc to see what is mounted: {0}")]
    Process(#[source] io::Error),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Those of `rows` whose mount is still there, and the others. A mount in another namespace is there
/// as long as any process is in that namespace.
pub(super) fn judge(
    rows: Vec<MountRow>,
    boot: &BootId,
) -> Result<(Vec<MountRow>, Vec<MountRow>), MountsError> {
    // The usual case, which should cost nothing.
    if rows.is_empty() {
        return Ok((rows, Vec::new()));
    }
    let here = namespace("mnt").map_err(MountsError::Process)?;
    let mount_points = mount_points().map_err(MountsError::Process)?;
    let mut populated: Option<HashSet<String>> = None;
    let (mut living, mut dead) = (Vec::new(), Vec::new());
    for row in rows {
        let lives = if row.boot_id != boot.as_str() {
            false
        } else if row.mount_namespace == here {
            mount_points.contains(&row.target)
        } else {
            // Asked only if needed: it looks at every process.
            if populated.is_none() {
                populated = Some(populated_namespaces().map_err(MountsError::Process)?);
            }
            populated
                .as_ref()
                .is_some_and(|namespaces| namespaces.contains(&row.mount_namespace))
        };
        if lives {
            living.push(row);
        } else {
            dead.push(row);
        }
    }
    Ok((living, dead))
}

// The fifth field of each line is the mount point, with blanks and the like in octal.
fn mount_points() -> io::Result<HashSet<PathBuf>> {
    let table = std::fs::read("/proc/self/mountinfo")?;
    let points = table.split(|byte| *byte == b'\n').filter_map(|line| {
        let field = line.split(|byte| *byte == b' ').nth(4)?;
        Some(PathBuf::from(OsString::from_vec(unescaped(field))))
    });
    Ok(points.collect())
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        if let [
            b'\\',
            a @ b'0'..=b'3',
            b @ b'0'..=b'7',
            c @ b'0'..=b'7',
            after @ ..,
        ] = rest
        {
            bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

// Processes of other users cannot be asked, and cannot be in a namespace that an ordinary user made
// for this store; root can ask all.
fn populated_namespaces() -> io::Result<HashSet<String>> {
    let mut namespaces = HashSet::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let is_process = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        if is_process && let Ok(link) = std::fs::read_link(path.join("ns/mnt")) {
            namespaces.insert(link.to_string_lossy().into_owned());
        }
    }
    Ok(namespaces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_escapes_are_undone() {
        for (field, expected) in [
            ("/plain", "/plain"),
            (r"/with\040blank", "/with blank"),
            (r"/back\134slash", r"/back\slash"),
            (r"/not\9octal\", r"/not\9octal\"),
        ] {
            assert_eq!(unescaped(field.as_bytes()), expected.as_bytes());
        }
    }

    #[test]
    fn the_root_is_mounted_and_this_namespace_populated() {
        assert!(mount_points().unwrap().contains(&PathBuf::from("/")));
        let here = namespace("mnt").unwrap();
        assert!(populated_namespaces().unwrap().contains(&here));
    }
}
