//! Why a build ends early.

use std::io;

use wharf_images::{EnsureLayerError, RecordsError};
use wharf_oci::ImageConfigError;

use super::remote::RemoteError;
use super::run::RunError;
use crate::copy::{ArchiveError, PlaceError, SelectError};
use crate::dockerfile::Lines;
use crate::tree::TreeError;

/// A step failed.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct BuildError {
    /// Where it stands in the Dockerfile.
    pub lines: Option<Lines>,
    /// Why.
    pub source: StepError,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A source is not there.
    #[error("failed to compute cache key: {0}")]
    Select(#[from] SelectError),
    /// A file cannot be put where it should be.
    #[error("{0}")]
    Place(#[from] PlaceError),
    /// A tree cannot be read.
    #[error("{0}")]
    Tree(#[from] TreeError),
    /// There is no context, and something is copied from it.
    #[error("there is no build context to copy from: give a folder, or -f - with a folder")]
    NoContext,
    /// A file is not what it was when it was looked at.
    #[error("{path} was changed while it was copied: build again")]
    Changed {
        /// The file.
        path: String,
    },
    /// An archive is damaged.
    #[error("failed to unpack {name}: {source}")]
    Archive {
        /// The archive.
        name: String,
        /// The cause.
        source: ArchiveError,
    },
    /// A file that cannot be read, or a layer that cannot be written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The cause.
        source: io::Error,
    },
    /// Something from elsewhere.
    #[error("{0}")]
    Remote(#[from] RemoteError),
    /// RUN.
    #[error("{0}")]
    Run(#[from] RunError),
    /// A layer is not there.
    #[error("{0}")]
    Layer(#[from] EnsureLayerError),
    /// The records failed.
    #[error("{0}")]
    Records(#[from] RecordsError),
    /// The config is none.
    #[error("{0}")]
    Config(#[from] ImageConfigError),
    /// Another step failed, and this one was given up.
    #[error("canceled")]
    Canceled,
}

impl StepError {
    pub(super) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    pub(super) fn at(self, lines: Lines) -> BuildError {
        BuildError {
            lines: Some(lines),
            source: self,
        }
    }
}
