//! The archive, entry by entry. The rules are Docker's (moby/go-archive, `Unpack`, with `NoOverwriteDirNonDir`).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::attributes::{Attributes, Ownership, path_of, set_time, set_time_at};
use super::place::{ExtractPlace, clean, there};
use crate::limits::{LimitExceeded, Limits};
use crate::tar::{Entry, EntryKind, TarError, TarReader};

/// How an archive is unpacked.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Whose the files become.
    pub ownership: Ownership,
    /// Whether owners and devices that this user cannot make are written beside the files, in [`crate::REMEMBERED_XATTR`].
    pub remembers: bool,
    /// What the archive may cost.
    pub limits: Limits,
}

/// Why an archive was not unpacked. What came before stays.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// It cannot be read.
    #[error(transparent)]
    Archive(#[from] TarError),
    /// A name leads out of the folder.
    #[error("{name:?} is outside of {folder:?}")]
    Outside {
        /// The name.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// A folder is where the archive has something else.
    #[error("cannot overwrite directory {path:?} with non-directory {folder:?}")]
    FolderInTheWay {
        /// What is there.
        path: PathBuf,
        /// Where the archive is unpacked.
        folder: PathBuf,
    },
    /// Something else is where the archive has a folder.
    #[error("cannot overwrite non-directory {path:?} with directory {folder:?}")]
    FileInTheWay {
        /// What is there.
        path: PathBuf,
        /// Where the archive is unpacked.
        folder: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Unpacks the archive of `reader` at `place`. Files are replaced, folders are merged.
pub fn extract_archive(
    reader: impl BufRead,
    place: &mut ExtractPlace,
    options: &ExtractOptions,
) -> Result<(), ExtractError> {
    let mut archive = TarReader::new(reader, options.limits.clone());
    let mut entry = Entry::default();
    let mut extraction = Extraction {
        place,
        attributes: Attributes {
            ownership: options.ownership,
            remembers: options.remembers,
        },
        folders: Vec::new(),
    };
    let mut count = 0_u64;
    while archive.read_entry(&mut entry)? {
        count += 1;
        if count > options.limits.entries {
            let limit = options.limits.entries;
            return Err(TarError::from(LimitExceeded::Entries { limit }).into());
        }
        let Some(path) = clean(&entry.name) else {
            return Err(ExtractError::Outside {
                name: String::from_utf8_lossy(&entry.name).into_owned(),
                folder: extraction.place.shown.clone(),
            });
        };
        let content = &mut archive.content(&entry);
        extraction.entry(&entry, &path, content)?;
    }
    extraction.finish()?;
    // To the end: whoever writes it into a pipe is not cut off.
    archive.finish()?;
    Ok(())
}

struct Extraction<'a> {
    place: &'a mut ExtractPlace,
    attributes: Attributes,
    /// Folders get their modes and times at last: what is made in them changes the one, and may need the other.
    folders: Vec<(PathBuf, Entry)>,
}

impl Extraction<'_> {
    fn entry(
        &mut self,
        entry: &Entry,
        path: &Path,
        content: &mut dyn io::Read,
    ) -> Result<(), ExtractError> {
        // The folder itself is as it is; and what has no name in a file system is not made.
        let Some(name) = path.file_name() else {
            return Ok(());
        };
        if matches!(entry.kind, EntryKind::Other(_)) {
            return Ok(());
        }
        let folder = self.place.folder_of(path).map_err(self.failed(path))?;
        let found = there(&folder, name).map_err(self.failed(path))?;
        let merged = match found {
            Some(stat) => self.make_room(entry, path, &folder, name, &stat)?,
            None => false,
        };
        self.create(entry, path, &folder, name, merged, content)
            .map_err(self.failed(path))
    }

    /// Whether a folder is there already, for one of the archive. Everything else goes.
    fn make_room(
        &mut self,
        entry: &Entry,
        path: &Path,
        folder: &OwnedFd,
        name: &OsStr,
        found: &Stat,
    ) -> Result<bool, ExtractError> {
        let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        match (is_folder, entry.kind == EntryKind::Directory) {
            (true, true) => Ok(true),
            (true, false) => Err(ExtractError::FolderInTheWay {
                path: self.place.shown.join(path),
                folder: self.place.shown.clone(),
            }),
            (false, true) => Err(ExtractError::FileInTheWay {
                path: self.place.shown.join(path),
                folder: self.place.shown.clone(),
            }),
            (false, false) => {
                rustix::fs::unlinkat(folder, name, AtFlags::empty()).map_err(self.failed(path))?;
                Ok(false)
            }
        }
    }

    fn create(
        &mut self,
        entry: &Entry,
        path: &Path,
        folder: &OwnedFd,
        name: &OsStr,
        merged: bool,
        content: &mut dyn io::Read,
    ) -> io::Result<()> {
        let at = folder.as_fd();
        match entry.kind {
            EntryKind::Directory => {
                if !merged {
                    // Whoever is not root needs these to fill it.
                    let mode = Mode::from_raw_mode(entry.mode & 0o777 | 0o700);
                    rustix::fs::mkdirat(folder, name, mode)?;
                    self.place.forget();
                }
                let described = Entry {
                    name: Vec::new(),
                    ..entry.clone()
                };
                self.folders.push((path.to_path_buf(), described));
                return Ok(());
            }
            EntryKind::File => {
                let file = new_file(folder, name)?;
                let mut file = File::from(file);
                io::copy(content, &mut file)?;
                let file = OwnedFd::from(file);
                self.attributes.set(&file, entry)?;
                set_time(&file, entry.modified)?;
                return Ok(());
            }
            EntryKind::HardLink => return self.link(entry, folder, name),
            EntryKind::Symlink => {
                rustix::fs::symlinkat(OsStr::from_bytes(&entry.link_target), folder, name)?;
            }
            EntryKind::Fifo | EntryKind::CharacterDevice | EntryKind::BlockDevice => {
                if self.node(entry, folder, name)? {
                    return Ok(());
                }
            }
            EntryKind::Other(_) => return Ok(()),
        }
        self.attributes.set_owner_at(at, name, entry)?;
        set_time_at(at, name, entry.modified)?;
        Ok(())
    }

    fn link(&mut self, entry: &Entry, folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
        let target = clean(&entry.link_target);
        let Some((target, base)) = target
            .as_deref()
            .and_then(|target| Some((target, target.file_name()?)))
        else {
            let text = format!(
                "invalid hardlink {:?}: it leads out of the folder",
                String::from_utf8_lossy(&entry.link_target)
            );
            return Err(io::Error::other(text));
        };
        let above = self.place.folder_of(target)?;
        rustix::fs::linkat(&above, base, folder, name, AtFlags::empty())?;
        Ok(())
    }

    /// Makes a pipe or device; whether a file stands for it, with everything that is to be known.
    fn node(&self, entry: &Entry, folder: &OwnedFd, name: &OsStr) -> io::Result<bool> {
        let kind = match entry.kind {
            EntryKind::Fifo => FileType::Fifo,
            EntryKind::BlockDevice => FileType::BlockDevice,
            _ => FileType::CharacterDevice,
        };
        let device = rustix::fs::makedev(entry.device.major, entry.device.minor);
        let mode = Mode::from_raw_mode(entry.mode & 0o7777);
        match rustix::fs::mknodat(folder, name, kind, mode, device) {
            Err(Errno::PERM) if self.attributes.remembers && kind != FileType::Fifo => {
                let file = new_file(folder, name)?;
                self.attributes.set(&file, entry)?;
                set_time(&file, entry.modified)?;
                Ok(true)
            }
            Err(error) => Err(error.into()),
            Ok(()) => {
                // The umask had a say. Held, not opened: whoever changes the tree may have put a link there.
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let held = rustix::fs::openat(folder, name, flags, Mode::empty())?;
                rustix::fs::chmod(path_of(&held), mode)?;
                Ok(false)
            }
        }
    }

    fn finish(&mut self) -> Result<(), ExtractError> {
        let folders = std::mem::take(&mut self.folders);
        // What is deeper first: whoever is not root may not come in afterwards.
        for (path, entry) in folders.iter().rev() {
            self.finish_folder(path, entry).map_err(self.failed(path))?;
        }
        Ok(())
    }

    fn finish_folder(&mut self, path: &Path, entry: &Entry) -> Result<(), Errno> {
        let Some(name) = path.file_name() else {
            return Ok(());
        };
        let above = self.place.folder_of(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&above, name, flags, Mode::empty())?;
        self.attributes.set(&opened, entry)?;
        set_time(&opened, entry.modified)
    }

    fn failed<E: Into<io::Error>>(&self, path: &Path) -> impl FnOnce(E) -> ExtractError + use<E> {
        let path = self.place.shown.join(path);
        move |source| ExtractError::Write {
            path,
            source: source.into(),
        }
    }
}

fn new_file(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o600))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;
    use crate::tar::{TarWriter, Timestamp};

    const TIME: Timestamp = Timestamp {
        seconds: 1_000_000_000,
        nanoseconds: 0,
    };

    fn archive(entries: &[(Entry, &[u8])]) -> Vec<u8> {
        let mut writer = TarWriter::new(Vec::new());
        for (entry, content) in entries {
            writer.append_bytes(entry, content).unwrap();
        }
        writer.finish().unwrap()
    }

    fn extract(archive: &[u8], place: &mut ExtractPlace) -> Result<(), ExtractError> {
        let options = ExtractOptions {
            ownership: Ownership::Ours,
            remembers: false,
            limits: Limits::default(),
        };
        extract_archive(archive, place, &options)
    }

    fn beneath(folder: &Path) -> ExtractPlace {
        ExtractPlace::beneath(File::open(folder).unwrap().into(), folder)
    }

    fn file(name: &str) -> Entry {
        Entry::file(name, 0o640, TIME)
    }

    #[test]
    fn files_are_replaced_and_folders_merged() {
        let made = tempfile::tempdir().unwrap();
        let path = |name: &str| made.path().join(name);
        std::fs::create_dir_all(path("d")).unwrap();
        for (name, content) in [("d/kept", "kept"), ("d/old", "old")] {
            std::io::Write::write_all(&mut File::create(path(name)).unwrap(), content.as_bytes())
                .unwrap();
        }
        let entries = [
            (Entry::directory("./", 0o700, TIME), &b""[..]),
            (Entry::directory("d/", 0o550, TIME), b""),
            (file("d/old"), b"new"),
            (Entry::hard_link("d/again", "d/old", TIME), b""),
            (Entry::symlink("d/link", "/nowhere", TIME), b""),
            (file("not/announced/x"), b"x"),
            (file("d/.wh.kept"), b""),
        ];
        extract(&archive(&entries), &mut beneath(made.path())).unwrap();
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        assert_eq!(
            (read("d/old"), read("d/kept"), read("not/announced/x")),
            ("new".to_owned(), "kept".to_owned(), "x".to_owned())
        );
        let old = std::fs::metadata(path("d/old")).unwrap();
        assert_eq!(
            (old.mode() & 0o7777, old.mtime(), old.nlink()),
            (0o640, TIME.seconds, 2)
        );
        let folder = std::fs::metadata(path("d")).unwrap();
        assert_eq!(
            (folder.mode() & 0o7777, folder.mtime()),
            (0o550, TIME.seconds)
        );
        assert_eq!(
            std::fs::read_link(path("d/link")).unwrap(),
            Path::new("/nowhere")
        );
        assert!(path("d/.wh.kept").exists());
        std::fs::set_permissions(path("d"), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let made = tempfile::tempdir().unwrap();
        let inside = made.path().join("in");
        std::fs::create_dir_all(made.path().join("out")).unwrap();
        std::fs::create_dir_all(&inside).unwrap();
        symlink(made.path().join("out"), inside.join("link")).unwrap();
        let through = archive(&[(file("link/x"), b"x")]);
        let error = extract(&through, &mut beneath(&inside)).unwrap_err();
        assert!(matches!(error, ExtractError::Write { .. }), "{error}");
        let error = extract(
            &archive(&[(file("a/../../x"), b"x")]),
            &mut beneath(&inside),
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("\"a/../../x\" is outside of {inside:?}")
        );
        let hard = archive(&[(Entry::hard_link("x", "link/../../x", TIME), b"")]);
        extract(&hard, &mut beneath(&inside)).unwrap_err();
        assert_eq!(
            std::fs::read_dir(made.path().join("out")).unwrap().count(),
            0
        );
        // In a container links are followed, and `/` is the container's.
        let root = || OwnedFd::from(File::open(made.path()).unwrap());
        symlink("/out", made.path().join("absolute")).unwrap();
        let mut place = ExtractPlace::within(root(), Path::new("/absolute"));
        extract(&archive(&[(file("x"), b"x")]), &mut place).unwrap();
        assert!(made.path().join("out/x").exists());
        symlink("../../../../out", made.path().join("climbs")).unwrap();
        let mut place = ExtractPlace::within(root(), Path::new("/"));
        extract(&archive(&[(file("climbs/y"), b"y")]), &mut place).unwrap();
        assert!(made.path().join("out/y").exists());
    }

    #[test]
    fn folders_and_files_do_not_take_each_others_place() {
        let made = tempfile::tempdir().unwrap();
        let folder = made.path();
        std::fs::create_dir(folder.join("d")).unwrap();
        File::create(folder.join("f")).unwrap();
        let text = |entry: Entry| {
            let error = extract(&archive(&[(entry, b"")]), &mut beneath(folder));
            error.unwrap_err().to_string()
        };
        assert_eq!(
            text(file("d")),
            format!(
                "cannot overwrite directory {:?} with non-directory {folder:?}",
                folder.join("d")
            )
        );
        assert_eq!(
            text(Entry::directory("f", 0o755, TIME)),
            format!(
                "cannot overwrite non-directory {:?} with directory {folder:?}",
                folder.join("f")
            )
        );
    }
}
