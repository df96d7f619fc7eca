//! Manifest lists in the making, in the folder and the files of Docker:
//!
//! ```text
//! <folder>/docker.io_library_both-1.0/        one list, named like it, with `/` and `:` replaced
//!          docker.io_library_web-1.0          one entry of it, as JSON
//! ```

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use wharf_blobs::write_file;
use wharf_oci::{MANIFEST_LIMIT_BYTES, Platform, Reference};

use super::entry::{EntryError, ManifestEntry};

/// An entry holds a manifest twice, once in base64.
const ENTRY_LIMIT_BYTES: u64 = 4 * MANIFEST_LIMIT_BYTES as u64;

/// Operating systems with the architectures that a list may name (those of Docker).
const KNOWN_PLATFORMS: &[(&str, &[&str])] = &[
    ("darwin", &["386", "amd64", "arm", "arm64"]),
    ("dragonfly", &["amd64"]),
    ("freebsd", &["386", "amd64", "arm"]),
    (
        "linux",
        &[
            "386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64le", "riscv64",
            "s390x",
        ],
    ),
    ("netbsd", &["386", "amd64", "arm"]),
    ("openbsd", &["386", "amd64", "arm"]),
    ("plan9", &["386", "amd64"]),
    ("solaris", &["amd64"]),
    ("windows", &["386", "amd64", "arm", "arm64"]),
];

/// The lists of one user.
#[derive(Debug, Clone)]
pub struct ManifestLists {
    folder: PathBuf,
}

/// Why a list cannot be read or changed. The texts are Docker's.
#[derive(Debug, thiserror::Error)]
pub enum ManifestListError {
    /// There is no such list, or no such entry in it.
    #[error("No such manifest: {0}")]
    NotFound(Reference),
    /// The platform is none that a list may name.
    #[error("manifest entry for image has unsupported os/arch combination: {os}/{architecture}")]
    Platform {
        /// The operating system, as given.
        os: String,
        /// The architecture, as given.
        architecture: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is damaged: {source}; remove the list with `manifest rm` and create it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ManifestLists {
    /// The lists in `folder`, which need not exist: `manifests` in the folder of Docker's `config.json`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The entries of a list, by their file names.
    pub fn list(&self, list: &Reference) -> Result<Vec<ManifestEntry>, ManifestListError> {
        let folder = self.list_folder(list);
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestListError::NotFound(list.clone()));
            }
            Err(source) => {
                return Err(ManifestListError::Io {
                    path: folder,
                    source,
                });
            }
        };
        let mut paths = Vec::new();
        for file in files {
            match file {
                Ok(file) => paths.push(file.path()),
                Err(source) => {
                    return Err(ManifestListError::Io {
                        path: folder,
                        source,
                    });
                }
            }
        }
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// One entry of a list.
    pub fn get(
        &self,
        list: &Reference,
        manifest: &Reference,
    ) -> Result<ManifestEntry, ManifestListError> {
        let path = self.entry_path(list, manifest);
        match read(&path) {
            Err(ManifestListError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Err(ManifestListError::NotFound(manifest.clone()))
            }
            result => result,
        }
    }

    /// Puts an entry into a list, which is made if there is none. `manifest` is the name that the entry goes by.
    pub fn save(
        &self,
        list: &Reference,
        manifest: &Reference,
        entry: &ManifestEntry,
    ) -> Result<(), ManifestListError> {
        let folder = self.list_folder(list);
        let io_error = |path: &Path, source| ManifestListError::Io {
            path: path.to_owned(),
            source,
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(&folder)
            .map_err(|source| io_error(&folder, source))?;
        let path = self.entry_path(list, manifest);
        let document = entry.document().to_string();
        write_file(&path, document.as_bytes(), 0o644).map_err(|source| io_error(&path, source))
    }

    /// Says what a manifest of a list runs on: what is empty in `change` stays as it is.
    pub fn annotate(
        &self,
        list: &Reference,
        manifest: &Reference,
        change: &Platform,
    ) -> Result<(), ManifestListError> {
        let mut entry = self.get(list, manifest)?;
        let platform = entry.descriptor.platform.get_or_insert_with(|| Platform {
            os: String::new(),
            architecture: String::new(),
            variant: String::new(),
            os_version: String::new(),
            os_features: Vec::new(),
        });
        for (text, new) in [
            (&mut platform.os, &change.os),
            (&mut platform.architecture, &change.architecture),
            (&mut platform.variant, &change.variant),
            (&mut platform.os_version, &change.os_version),
        ] {
            if !new.is_empty() {
                new.clone_into(text);
            }
        }
        for feature in &change.os_features {
            if !platform.os_features.contains(feature) {
                platform.os_features.push(feature.clone());
            }
        }
        let known = KNOWN_PLATFORMS.iter().find(|(os, _)| *os == platform.os);
        if !known.is_some_and(|(_, architectures)| {
            architectures.contains(&platform.architecture.as_str())
        }) {
            return Err(ManifestListError::Platform {
                os: change.os.clone(),
                architecture: change.architecture.clone(),
            });
        }
        self.save(list, manifest, &entry)
    }

    /// Forgets a list.
    pub fn remove(&self, list: &Reference) -> Result<(), ManifestListError> {
        let path = self.list_folder(list);
        match fs::remove_dir_all(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ManifestListError::NotFound(list.clone()))
            }
            Err(source) => Err(ManifestListError::Io { path, source }),
        }
    }

    fn list_folder(&self, list: &Reference) -> PathBuf {
        self.folder.join(file_name(list))
    }

    fn entry_path(&self, list: &Reference, manifest: &Reference) -> PathBuf {
        self.list_folder(list).join(file_name(manifest))
    }
}

/// Docker's way of making a file name of a reference. References hold no other character that a path minds.
fn file_name(reference: &Reference) -> String {
    reference.to_string().replace(':', "-").replace('/', "_")
}

fn read(path: &Path) -> Result<ManifestEntry, ManifestListError> {
    let io_error = |source| ManifestListError::Io {
        path: path.to_owned(),
        source,
    };
    let mut document = Vec::new();
    let file = fs::File::open(path).map_err(io_error)?;
    file.take(ENTRY_LIMIT_BYTES)
        .read_to_end(&mut document)
        .map_err(io_error)?;
    ManifestEntry::from_document(&document).map_err(|source: EntryError| {
        ManifestListError::Damaged {
            path: path.to_owned(),
            source: Box::new(source),
        }
    })
}
