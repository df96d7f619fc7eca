//! What is to be built, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use wharf_build::builder::{BuildEvent, BuildOptions, Cancellation, Squash};
use wharf_build::check::{CheckReport, excerpt};
use wharf_build::dockerfile::Lines;
use wharf_build::tree::Modes;
use wharf_images::Lease;
use wharf_oci::{Descriptor, ImageId, Platform, RawManifest, Reference};

use super::cache_export::CacheTarget;
use super::cache_import::CacheSource;
use super::image_target::{ImageShape, ImageTarget};
use super::provenance::Attestations;
use super::run_settings::RunSettings;
use super::secrets::BuildSecrets;
use crate::error::EngineError;
use crate::images::LayoutChoice;

/// Who is told how a build goes on.
pub type BuildSink = Arc<dyn Fn(BuildEvent) + Send + Sync>;

/// What is to be built.
pub struct BuildRequest {
    /// Where files come from.
    pub context: ContextSource,
    /// Where the Dockerfile is.
    pub dockerfile: DockerfileSource,
    /// `--build-context`, by name.
    pub named: BTreeMap<String, NamedContext>,
    /// `--build-arg`.
    pub build_arguments: BTreeMap<String, String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--platform`; the machine's if there is none.
    pub platforms: Vec<Platform>,
    /// `--pull`: ask registries for base images even if they are here.
    pub pull: bool,
    /// The images that are made of the result.
    pub images: Vec<ImageTarget>,
    /// What is said of them.
    pub attestations: Attestations,
    /// Caches of builds elsewhere, the first that has something counts.
    pub cache_from: Vec<CacheSource>,
    /// Where a cache for builds elsewhere goes.
    pub cache_to: Vec<CacheTarget>,
    /// Whether layers become one.
    pub squash: Option<Squash>,
    /// Folders and archives that get the files of the result.
    pub files: Vec<FilesTarget>,
    /// What becomes of the permissions of files in a context.
    pub modes: Modes,
    /// What its programs get and may do.
    pub run: RunSettings,
    /// `--secret` and `--ssh`.
    pub secrets: BuildSecrets,
    /// Gives the build up.
    pub cancellation: Arc<Cancellation>,
    /// How it is done.
    pub options: BuildOptions,
}

impl fmt::Debug for BuildRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildRequest").finish_non_exhaustive()
    }
}

/// What gets the files of a result, and what is said of them.
#[derive(Debug)]
pub struct FilesTarget {
    /// Where they go.
    pub place: FilesPlace,
    /// Whether files of several platforms have a folder each; in an archive they always have.
    pub splits: bool,
    /// What stands in front of the names of files that hold statements.
    pub attestation_prefix: String,
}

/// Where the files of a result go.
pub enum FilesPlace {
    /// A folder.
    Folder {
        /// Where it is.
        path: PathBuf,
        /// Whether what is there and not in the result goes.
        deletes: bool,
    },
    /// An archive.
    Archive(Box<dyn Write + Send>),
}

/// Where files come from.
pub enum ContextSource {
    /// Nowhere: only the Dockerfile is given.
    Nothing,
    /// A folder.
    Folder(PathBuf),
    /// An archive, compressed or not.
    Archive(Box<dyn Read + Send>),
    /// An archive, or a Dockerfile, of a web server.
    Url(String),
    /// A git repository.
    Git(String),
}

impl fmt::Debug for FilesPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder { .. } => "Folder",
            Self::Archive(_) => "Archive",
        })
    }
}

impl fmt::Debug for ContextSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Folder(_) => "Folder",
            Self::Archive(_) => "Archive",
            Self::Url(_) => "Url",
            Self::Git(_) => "Git",
        })
    }
}

/// Where the Dockerfile is.
#[derive(Debug, Clone)]
pub enum DockerfileSource {
    /// Here.
    Bytes(Vec<u8>),
    /// At a path of this machine.
    File(PathBuf),
    /// In the context; with none given, `Dockerfile` or `dockerfile`.
    InContext(Option<String>),
}

/// What a name of `--build-context` stands for.
#[derive(Debug, Clone)]
pub enum NamedContext {
    /// A folder.
    Folder(PathBuf),
    /// An image.
    Image(Reference),
    /// An image of an OCI layout.
    Layout {
        /// The layout's folder.
        folder: PathBuf,
        /// Which of its images.
        image: LayoutChoice,
    },
    /// A git repository.
    Git(String),
    /// An archive of a web server.
    Url(String),
}

/// What came of a build.
#[derive(Debug, Clone)]
pub struct BuildOutcome {
    /// The image of the platform that fits this machine best.
    pub image: ImageId,
    /// Its manifest, or the index over several.
    pub manifest: Descriptor,
    /// The images, in the order of [`BuildRequest::images`].
    pub images: Vec<BuiltImage>,
    /// How the image of each platform was built: SLSA provenance.
    pub provenance: Vec<(Platform, serde_json::Value)>,
    /// What the build checks say.
    pub report: CheckReport,
    /// The layers of the result, from the base up.
    pub diff_ids: Vec<wharf_oci::DiffId>,
    /// The time of everything new in it.
    pub created: jiff::Timestamp,
    /// Keeps what no name keeps, as long as somebody works with it.
    pub lease: Arc<Lease>,
}

/// An image that a build has made. All of it is in the store.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// Its names.
    pub names: Vec<Reference>,
    /// What the names point to: a manifest, or an index.
    pub root: RawManifest,
    /// The manifest of each platform.
    pub manifests: Vec<RawManifest>,
    /// How it was written.
    pub shape: ImageShape,
}

/// A build failed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct BuildFailure {
    /// The lines of the Dockerfile that it is about, as `BuildKit` shows them.
    pub excerpt: Option<String>,
    /// Why.
    #[source]
    pub error: EngineError,
}

impl From<EngineError> for BuildFailure {
    fn from(error: EngineError) -> Self {
        Self {
            excerpt: None,
            error,
        }
    }
}

impl BuildFailure {
    /// With the lines that it is about.
    pub(super) fn at(error: EngineError, lines: Option<Lines>, file: &[u8], name: &str) -> Self {
        let text = String::from_utf8_lossy(file);
        Self {
            excerpt: lines.map(|lines| excerpt(name, &text, lines)),
            error,
        }
    }
}
