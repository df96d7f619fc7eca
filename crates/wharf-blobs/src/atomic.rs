//! Files that change by rename, or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Replaces the file at `path` with `content` so that a reader, and a power loss, sees the old file
/// or the new one. The file's mode is `mode` before the umask.
pub fn write_file(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = write_temporary(path, content, mode, true)?;
    rename_or_remove(&temporary, path)?;
    match path.parent() {
        Some(directory) => sync_directory(directory),
        None => Ok(()),
    }
}

/// As [`write_file`], but safe only against the death of the process, not of the machine: nothing is synced.
/// After a power loss the file may be empty: for what is made anew then.
pub fn write_file_unsynced(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = write_temporary(path, content, mode, false)?;
    rename_or_remove(&temporary, path)
}

/// Makes names that were created or removed in `directory` last through a power loss.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn write_temporary(
    path: &Path,
    content: &[u8],
    mode: u32,
    sync: bool,
) -> io::Result<std::path::PathBuf> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // Unique among the processes and threads that may write the same file.
    name.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        SERIAL.fetch_add(1, Ordering::Relaxed)
    ));
    let temporary = path.with_file_name(name);
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)?;
    let written = file
        .write_all(content)
        .and_then(|()| if sync { file.sync_all() } else { Ok(()) });
    match written {
        Ok(()) => Ok(temporary),
        Err(error) => {
            std::fs::remove_file(&temporary)?;
            Err(error)
        }
    }
}

fn rename_or_remove(temporary: &Path, path: &Path) -> io::Result<()> {
    match std::fs::rename(temporary, path) {
        Ok(()) => Ok(()),
        Err(error) => {
            std::fs::remove_file(temporary)?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_file(&path, b"one", 0o600).unwrap();
        write_file(&path, b"two", 0o600).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_rename_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir_all(path.join("not empty")).unwrap();
        assert!(write_file(&path, b"one", 0o600).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
