//! The files of an archive or folder that is being loaded.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use wharf_layers::{Entry, EntryKind, Limits, TarError, TarReader};
use wharf_transfer::{ArchiveError, ArchiveFiles, EndpointError, ErrorKind};

use crate::error::{EngineError, classify, failure};
use crate::intake::BlobFeed;

const CHUNK_BYTES: usize = 256 << 10;
/// An archive has some files for each layer; more than this is no image archive.
const ENTRY_LIMIT: usize = 1 << 20;
/// Old archives link a layer to another image's; links to links do not occur.
const LINK_DEPTH_LIMIT: usize = 8;

/// A plain tar, indexed: where each file begins and how long it is.
#[derive(Debug)]
pub(super) struct TarFiles {
    file: Arc<File>,
    places: HashMap<String, Place>,
}

#[derive(Debug)]
enum Place {
    Content { offset: u64, size: u64 },
    Link(String),
}

/// A folder.
#[derive(Debug)]
pub(super) struct FolderFiles {
    pub(super) root: PathBuf,
}

/// A part of a file, read from its start whatever others do with the file.
#[derive(Debug, Clone)]
pub(super) struct Section {
    file: Arc<File>,
    offset: u64,
    end: u64,
    chunk: BytesMut,
}

/// Where files of an archive can be read at any offset.
pub(super) trait Sections: ArchiveFiles + Sync {
    /// The content of the file at `path`.
    fn section(&self, path: &str) -> io::Result<Section>;
}

impl TarFiles {
    /// Reads through the tar once and notes where everything is.
    pub(super) fn index(file: File, limits: &Limits) -> Result<Self, EngineError> {
        let reader = file.try_clone().map_err(classify)?;
        let mut tar = TarReader::new(
            BufReader::with_capacity(CHUNK_BYTES, reader),
            limits.clone(),
        );
        let mut entry = Entry::default();
        let mut places = HashMap::new();
        while read_entry(&mut tar, &mut entry, places.is_empty())? {
            if places.len() >= ENTRY_LIMIT {
                let text = format!("the archive has more than {ENTRY_LIMIT} files");
                return Err(failure(ErrorKind::Invalid, text));
            }
            let Some(name) = clean(&entry.name) else {
                continue;
            };
            let place = match entry.kind {
                EntryKind::File if entry.sparse.is_none() => Place::Content {
                    offset: tar.offset(),
                    size: entry.size_bytes,
                },
                EntryKind::Symlink => match beside(&name, &entry.link_target) {
                    Some(target) => Place::Link(target),
                    None => continue,
                },
                EntryKind::HardLink => match clean(&entry.link_target) {
                    Some(target) => Place::Link(target),
                    None => continue,
                },
                _ => continue,
            };
            places.insert(name, place);
        }
        Ok(Self {
            file: Arc::new(file),
            places,
        })
    }

    fn find(&self, path: &str) -> Option<(u64, u64)> {
        let mut path = path;
        for _ in 0..LINK_DEPTH_LIMIT {
            match self.places.get(path)? {
                Place::Content { offset, size } => return Some((*offset, *size)),
                Place::Link(target) => path = target,
            }
        }
        None
    }
}

/// The next entry. A file that is wrong from its first byte is no damaged archive, but none at all.
fn read_entry(
    tar: &mut TarReader<impl BufRead>,
    entry: &mut Entry,
    is_first: bool,
) -> Result<bool, EngineError> {
    tar.read_entry(entry).map_err(|error| match error {
        TarError::Checksum { offset: 0 } | TarError::Truncated if is_first => {
            classify(ArchiveError::NotAnArchive)
        }
        error => classify(error),
    })
}

impl ArchiveFiles for TarFiles {
    fn size(&self, path: &str) -> Option<u64> {
        self.find(path).map(|(_, size)| size)
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.section(path)?))
    }
}

impl Sections for TarFiles {
    fn section(&self, path: &str) -> io::Result<Section> {
        let (offset, size) = self.find(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Section {
            file: Arc::clone(&self.file),
            offset,
            end: offset.saturating_add(size),
            chunk: BytesMut::new(),
        })
    }
}

impl FolderFiles {
    fn path(&self, path: &str) -> io::Result<PathBuf> {
        let path = Path::new(path);
        if path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            Ok(self.root.join(path))
        } else {
            let text = format!("{} leads out of the archive", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

impl ArchiveFiles for FolderFiles {
    fn size(&self, path: &str) -> Option<u64> {
        let metadata = std::fs::metadata(self.path(path).ok()?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(File::open(self.path(path)?)?))
    }
}

impl Sections for FolderFiles {
    fn section(&self, path: &str) -> io::Result<Section> {
        Section::of_file(File::open(self.path(path)?)?)
    }
}

impl Section {
    /// All of a file.
    pub(super) fn of_file(file: File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        Ok(Self {
            file: Arc::new(file),
            offset: 0,
            end,
            chunk: BytesMut::new(),
        })
    }

    /// Bytes left.
    pub(super) fn len(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }
}

impl Read for Section {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len()).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let count = match into.get_mut(..wanted) {
            Some(into) if !into.is_empty() => self.file.read_at(into, self.offset)?,
            _ => 0,
        };
        self.offset += count as u64;
        Ok(count)
    }
}

impl BlobFeed for Section {
    fn start(&mut self, offset: u64) -> Result<(), EndpointError> {
        self.offset = self.offset.saturating_add(offset).min(self.end);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Bytes>, EndpointError> {
        // The memory of the chunk before comes back here once nobody holds it any more.
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(CHUNK_BYTES, 0);
        let count = self.read(&mut chunk).map_err(classify)?;
        let read = chunk.split_to(count).freeze();
        chunk.clear();
        self.chunk = chunk;
        Ok((count > 0).then_some(read))
    }
}

/// The path without `./` and `/`; `None` if it leads out or is not text.
fn clean(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => (),
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Where a symbolic link beside `name` leads.
fn beside(name: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    clean(format!("{folder}/{target}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (name, expected) in [
            ("./a/b", Some("a/b")),
            ("/a//b/", Some("a/b")),
            ("a/../b", Some("b")),
            ("../a", None),
            ("a/../../b", None),
            ("./", None),
        ] {
            assert_eq!(clean(name.as_bytes()).as_deref(), expected, "{name}");
        }
        assert_eq!(
            beside("one/layer.tar", b"../two/layer.tar").as_deref(),
            Some("two/layer.tar")
        );
        assert_eq!(beside("layer.tar", b"../../etc/passwd"), None);
    }
}
