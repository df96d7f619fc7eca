//! Files of web servers that builds have fetched: `fetched/<SHA-256 of the address>`, so that a server can be asked whether it has
//! another one by now.
//!
//! A file is what the server sent, then what is known of it as JSON, then the length of that in eight bytes: both come and go at once.
//! It is not synced: whoever uses one compares its digest, and what is damaged is as good as none. Its time says when it was used last.

use std::fs::{DirBuilder, File, FileTimes};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_blobs::Scratch;
use wharf_oci::Digest;

use crate::store::ImageStore;

const FORMAT: u32 = 1;
/// What is known of a file may be this long.
const FACTS_LIMIT_BYTES: u64 = 64 << 10;
const LENGTH_BYTES: u64 = 8;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFacts {
    /// Its address, as it may be shown.
    pub url: String,
    /// Where it was found, after redirects.
    pub place: String,
    /// Its `ETag`.
    pub entity_tag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFile {
    /// What is known of it.
    pub facts: FetchedFacts,
    /// When it was used last.
    pub used: Timestamp,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Trailer {
    format: u32,
    #[serde(flatten)]
    facts: FetchedFacts,
}

impl ImageStore {
    fn fetched_folder(&self) -> PathBuf {
        self.root().join("fetched")
    }

    fn fetched_path(&self, url: &str) -> PathBuf {
        self.fetched_folder().join(Digest::of(url.as_bytes()).hex())
    }

    /// What was fetched from an address, if it is still kept; its first [`FetchedFacts::size`] bytes are the file's.
    pub fn fetched_file(&self, url: &str) -> Option<(FetchedFacts, File)> {
        let mut file = File::open(self.fetched_path(url)).ok()?;
        let facts = facts_of(&mut file).ok()?;
        file.rewind().ok()?;
        Some((facts, file))
    }

    /// Counts a use.
    ///
    /// # Errors
    /// If its time cannot be set.
    pub fn use_fetched_file(&self, url: &str) -> io::Result<()> {
        let file = File::open(self.fetched_path(url))?;
        file.set_times(FileTimes::new().set_modified(now(self)))
    }

    /// Keeps what `scratch` holds as what is at an address.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn keep_fetched_file(
        &self,
        url: &str,
        facts: &FetchedFacts,
        mut scratch: Scratch,
    ) -> io::Result<()> {
        let trailer = Trailer {
            format: FORMAT,
            facts: facts.clone(),
        };
        let trailer = serde_json::to_vec(&trailer)?;
        scratch.write_all(&trailer)?;
        scratch.write_all(&(trailer.len() as u64).to_le_bytes())?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.fetched_folder())?;
        scratch
            .reopen()?
            .set_times(FileTimes::new().set_modified(now(self)))?;
        scratch.keep_at(&self.fetched_path(url))
    }

    /// All that are kept, the one used last first. `damaged` is told of what is none.
    pub(crate) fn fetched_files(
        &self,
        damaged: impl Fn(&Path) -> io::Result<()>,
    ) -> io::Result<Vec<FetchedFile>> {
        let entries = match std::fs::read_dir(self.fetched_folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            match described(&path) {
                Ok(file) => files.push(file),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => damaged(&path)?,
                // Somebody else has removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        files.sort_by(|one, other| (other.used, &one.path).cmp(&(one.used, &other.path)));
        Ok(files)
    }
}

impl FetchedFile {
    /// Removes it; whoever reads it goes on.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(&self.path)
    }
}

fn now(store: &ImageStore) -> SystemTime {
    store.clock().now().into()
}

fn described(path: &Path) -> io::Result<FetchedFile> {
    let mut file = File::open(path)?;
    let used = file.metadata()?.modified()?;
    Ok(FetchedFile {
        facts: facts_of(&mut file)?,
        used: Timestamp::try_from(used).unwrap_or_default(),
        path: path.to_path_buf(),
    })
}

/// What stands at the end of a file.
fn facts_of(file: &mut File) -> io::Result<FetchedFacts> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let whole = file.metadata()?.len();
    let before = whole.checked_sub(LENGTH_BYTES).ok_or_else(damaged)?;
    file.seek(SeekFrom::Start(before))?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let size = before.checked_sub(length).ok_or_else(damaged)?;
    if length > FACTS_LIMIT_BYTES {
        return Err(damaged());
    }
    file.seek(SeekFrom::Start(size))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    let trailer: Trailer = serde_json::from_slice(&bytes).map_err(|_error| damaged())?;
    if trailer.format != FORMAT || trailer.facts.size != size {
        return Err(damaged());
    }
    Ok(trailer.facts)
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
