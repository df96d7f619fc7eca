//! A file that appears complete or not at all: written beside its place, then renamed. Readable by its owner only,
//! since images may hold secrets.

use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A file in the making. Dropped without [`OutputFile::keep`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct OutputFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    kept: bool,
}

/// Why a file cannot be written there. Docker's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputFileError {
    #[error("invalid output path: stat {}: {reason}", folder.display())]
    Folder { folder: PathBuf, reason: String },
    #[error("cannot write to {kind}")]
    Kind { kind: &'static str },
    #[error("cannot write {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl OutputFile {
    /// Begins a file that will be at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, OutputFileError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let folder_error = |reason: String| OutputFileError::Folder {
            folder: folder.to_owned(),
            reason,
        };
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => (),
            Ok(_) => return Err(folder_error("not a directory".to_owned())),
            Err(error) => return Err(folder_error(plain_reason(&error))),
        }
        let io_error = |source| OutputFileError::Io {
            path: path.to_owned(),
            source,
        };
        match fs::symlink_metadata(path) {
            Ok(metadata) => refuse_all_but_files(metadata.file_type())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => return Err(io_error(error)),
        }
        let Some(name) = path.file_name() else {
            return Err(OutputFileError::Kind {
                kind: "a directory",
            });
        };
        let mut temporary_name = std::ffi::OsString::from(".");
        temporary_name.push(name);
        temporary_name.push(format!(".{}.partial", std::process::id()));
        let temporary = folder.join(temporary_name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true) // of a process with our number that died
            .mode(0o600)
            .open(&temporary)
            .map_err(io_error)?;
        Ok(Self {
            file,
            temporary,
            path: path.to_owned(),
            kept: false,
        })
    }

    /// What to write to.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Puts the complete file at its place, over what may be there.
    pub(crate) fn keep(mut self) -> Result<(), OutputFileError> {
        let io_error = |source| OutputFileError::Io {
            path: self.path.clone(),
            source,
        };
        self.file.sync_all().map_err(io_error)?;
        fs::rename(&self.temporary, &self.path).map_err(io_error)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Err(error) = fs::remove_file(&self.temporary) {
            tracing::warn!(path = %self.temporary.display(), %error, "a partial file is left behind");
        }
    }
}

fn refuse_all_but_files(kind: FileType) -> Result<(), OutputFileError> {
    let kind = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link directly"
    } else if kind.is_fifo() {
        "a named pipe (FIFO)"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() {
        "a character device file"
    } else {
        "a block device file"
    };
    Err(OutputFileError::Kind { kind })
}

/// The system's words as Go prints them: `no such file or directory`.
pub(crate) fn plain_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_appears_complete_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        let mut output = OutputFile::create(&path).unwrap();
        output.file.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let mut output = OutputFile::create(&path).unwrap();
        output.file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        output.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_is_refused_in_docker_words() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        let missing = folder.path().join("missing");
        for (path, expected) in [
            (
                "/dev/null".into(),
                "cannot write to a character device file".to_owned(),
            ),
            (
                folder.path().to_owned(),
                "cannot write to a directory".to_owned(),
            ),
            (
                folder.path().join("link"),
                "cannot write to a symbolic link directly".to_owned(),
            ),
            (
                missing.join("x"),
                format!(
                    "invalid output path: stat {}: no such file or directory",
                    missing.display()
                ),
            ),
            (
                "/etc/passwd/x".into(),
                "invalid output path: stat /etc/passwd: not a directory".to_owned(),
            ),
        ] {
            assert_eq!(OutputFile::create(&path).unwrap_err().to_string(), expected);
        }
    }
}
