//! Opening a store: its folders, its format, its records.

use std::fmt;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wharf_blobs::{BlobError, BlobStore, BootId, FileLock};
use wharf_layers::Flavour;

use crate::clock::Clock;
use crate::records::{Database, RecordsError};

/// The format of the store on disk that this program reads and writes.
pub const STORE_FORMAT: u32 = 1;

/// The database in the store's folder.
pub(crate) const DATABASE: &str = "wharf.db";
/// Held while the store is made or its database rebuilt.
pub(crate) const STORE_LOCK: &str = "lock";

/// The images of one machine. Cheap to clone; every clone, and every other process, works on the
/// same store.
#[derive(Debug, Clone)]
pub struct ImageStore {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) root: PathBuf,
    pub(crate) flavour: Flavour,
    pub(crate) boot: BootId,
    pub(crate) blobs: BlobStore,
    pub(crate) records: Database,
    pub(crate) clock: Clock,
    step_hook: Option<StepHook>,
}

/// What a command wants to do with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look only. A store that is there is not written to, and may lie on a read-only disk.
    Read,
    /// Change it.
    Write,
}

/// Which ids own the files of a store of [`Flavour::Subordinate`], as the maps of the namespaces say in which it is worked with
/// (`user_namespaces(7)`): the first id inside, the first one outside, how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreIds {
    /// Of users.
    pub users: Vec<[u32; 3]>,
    /// Of groups.
    pub groups: Vec<[u32; 3]>,
}

/// How the files of a store that exists are owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOwners {
    /// How its layers are unpacked.
    pub flavour: Flavour,
    /// With which ids, where more than one is needed.
    pub ids: Option<StoreIds>,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// How a new store unpacks its layers. A store that exists keeps its own way.
    pub flavour: Flavour,
    /// The ids that a new store of [`Flavour::Subordinate`] has; none for others.
    pub ids: Option<StoreIds>,
    /// Look only, or change.
    pub access: Access,
    /// Where times come from.
    pub clock: Clock,
    /// For tests of crashes; `None` otherwise.
    pub step_hook: Option<StepHook>,
}

/// Called with the name of a step between any two changes on disk, so that a test can die there.
#[derive(Clone)]
pub struct StepHook(pub Arc<dyn Fn(&str) + Send + Sync>);

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A folder or file of the store cannot be made or read.
    #[error("cannot open the image store: {}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The store was made by a later version.
    #[error("the image store in {} has format {found}, this program knows format {STORE_FORMAT} only: use a newer wharf, or another folder with --root", root.display())]
    Format {
        /// The store.
        root: PathBuf,
        /// The format it says it has.
        found: u32,
    },
    /// `store.json` is not what it should be.
    #[error("{} is damaged: {source}; if this folder is an image store, put {{\"format\":{STORE_FORMAT},\"flavour\":\"root\"}} (or \"user\") there", path.display())]
    StoreFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// There are files, but no store.
    #[error("{} is not empty and not an image store: choose another folder with --root", root.display())]
    Foreign {
        /// The folder.
        root: PathBuf,
    },
    /// The database is not there, although the store is.
    #[error("the database of the image store in {} is lost: run `wharf system check --repair`, which rebuilds it from the stored images", root.display())]
    RecordsLost {
        /// The store.
        root: PathBuf,
    },
    /// The blobs cannot be used.
    #[error("cannot open the image store: {0}")]
    Blobs(#[from] BlobError),
    /// The records cannot be used.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

#[derive(Serialize, Deserialize)]
struct StoreFile {
    format: u32,
    #[serde(with = "FlavourText")]
    flavour: Flavour,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ids: Option<StoreIds>,
}

/// How a [`Flavour`] is written in the store's files.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Flavour", rename_all = "lowercase")]
pub(crate) enum FlavourText {
    Root,
    User,
    Subordinate,
}

impl OpenOptions {
    /// For a command that changes the store, with the machine's clock.
    pub fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            ids: None,
            access: Access::Write,
            clock: Clock::system(),
            step_hook: None,
        }
    }

    /// For a command that only looks.
    pub fn read_only(flavour: Flavour) -> Self {
        Self {
            access: Access::Read,
            ..Self::new(flavour)
        }
    }
}

impl ImageStore {
    /// Opens the store in `root`, and makes it if there is none.
    pub fn open(root: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        let file = match read_store_file(root)? {
            Some(file) => file,
            None => create(root, &options)?,
        };
        let path = root.join(DATABASE);
        // Never made anew here: with an empty database everything in the store would be garbage.
        if !path.exists() {
            return Err(OpenError::RecordsLost {
                root: root.to_path_buf(),
            });
        }
        let records = match options.access {
            Access::Read => Database::open_read_only(&path)?,
            Access::Write => {
                // SQLite would only say that it cannot open its file.
                rustix::fs::access(root, rustix::fs::Access::WRITE_OK)
                    .map_err(|error| io_error(root)(error.into()))?;
                Database::open(&path)?
            }
        };
        Self::assemble(root, file.flavour, records, options)
    }

    /// Who owns the files of the store in `root`, if there is one.
    pub fn owners_of(root: &Path) -> Result<Option<StoreOwners>, OpenError> {
        let file = read_store_file(root)?;
        Ok(file.map(|StoreFile { flavour, ids, .. }| StoreOwners { flavour, ids }))
    }

    pub(crate) fn assemble(
        root: &Path,
        flavour: Flavour,
        records: Database,
        options: OpenOptions,
    ) -> Result<Self, OpenError> {
        let boot = BootId::current().map_err(io_error(Path::new("/proc")))?;
        let shared = Shared {
            root: root.to_path_buf(),
            flavour,
            boot,
            blobs: BlobStore::open(root)?,
            records,
            clock: options.clock,
            step_hook: options.step_hook,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.shared.root
    }

    /// How this store unpacks layers.
    pub fn flavour(&self) -> Flavour {
        self.shared.flavour
    }

    /// The manifests, configs and layer blobs.
    pub fn blobs(&self) -> &BlobStore {
        &self.shared.blobs
    }

    /// Where the store's times come from.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }
}

impl Shared {
    /// A point at which a process may die and nothing may be lost.
    pub(crate) fn step(&self, name: &str) {
        if let Some(StepHook(hook)) = &self.step_hook {
            hook(name);
        }
    }

    /// The folder of unpacked layers.
    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// The folder of trees that are to be deleted.
    pub(crate) fn removing(&self) -> PathBuf {
        self.root.join("removing")
    }
}

impl fmt::Debug for StepHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StepHook")
    }
}

fn read_store_file(root: &Path) -> Result<Option<StoreFile>, OpenError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let path = root.join("store.json");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path)(error)),
    };
    let damaged = |source| OpenError::StoreFile {
        path: path.clone(),
        source,
    };
    // The format first: a later one may have other fields.
    let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format != STORE_FORMAT {
        return Err(OpenError::Format {
            root: root.to_path_buf(),
            found: format,
        });
    }
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

// `store.json` is written last: a folder without it is made once more from wherever it stopped.
fn create(root: &Path, options: &OpenOptions) -> Result<StoreFile, OpenError> {
    make_folder(root)?;
    let lock = root.join(STORE_LOCK);
    // In this order: another process that makes the store now makes its lock before everything else.
    if !looks_empty(root)? && !lock.exists() {
        return Err(OpenError::Foreign {
            root: root.to_path_buf(),
        });
    }
    let _lock = FileLock::acquire(&lock).map_err(io_error(&lock))?;
    // Another process may have made the store while we waited.
    if let Some(file) = read_store_file(root)? {
        return Ok(file);
    }
    for folder in ["blobs", "ingest", "layers", "layers/empty/fs", "removing"] {
        make_folder(&root.join(folder))?;
    }
    drop(Database::open(&root.join(DATABASE))?);
    let file = StoreFile {
        format: STORE_FORMAT,
        flavour: options.flavour,
        ids: options.ids.clone(),
    };
    let path = root.join("store.json");
    let mut json = serde_json::to_vec(&file).map_err(|source| OpenError::StoreFile {
        path: path.clone(),
        source,
    })?;
    json.push(b'\n');
    wharf_blobs::write_file(&path, &json, 0o644).map_err(io_error(&path))?;
    Ok(file)
}

// Not readable by others: unpacked layers hold setuid programs that nobody should start from here.
fn make_folder(path: &Path) -> Result<(), OpenError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(io_error(path))
}

fn looks_empty(root: &Path) -> Result<bool, OpenError> {
    let mut entries = std::fs::read_dir(root).map_err(io_error(root))?;
    // A fresh file system has this folder and nothing else.
    Ok(entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found")))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |source| OpenError::Io { path, source }
}
