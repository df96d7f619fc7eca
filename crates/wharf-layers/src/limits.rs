//! How much a layer may cost: every quantity that an archive from outside decides has a limit here.

use std::io;

/// The limits under which a layer is inflated and unpacked.
///
/// The defaults let every honest layer pass that was ever seen, and stop what would fill a disk or
/// the memory from a small download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that one layer's uncompressed archive may have. Default: 256 GiB.
    pub unpacked_bytes: u64,
    /// Most bytes of output for each byte of compressed input. Default: 1,100.
    ///
    /// Gzip cannot exceed 1,032, so that it never meets this limit. Zstd packs zeros at about
    /// 30,000 to one and bzip2 and xz do better still: more than [`Limits::ratio_free_bytes`] of
    /// practically nothing but zeros is taken for a bomb.
    pub inflate_ratio: u64,
    /// Output that is allowed whatever the ratio. Default: 1 GiB.
    pub ratio_free_bytes: u64,
    /// Most entries of one layer. Default: 10 million.
    pub entries: u64,
    /// Most components of the path of an entry. Default: 2,048, as many as fit into `path_bytes`.
    pub path_depth: usize,
    /// Most bytes of the path of an entry, or of the target of a link. Default: 4,095, the kernel's
    /// own limit (`PATH_MAX` less the final zero).
    pub path_bytes: usize,
    /// Most bytes of one extended header (PAX records, a GNU long name). Default: 1 MiB, as Go's
    /// `archive/tar` has it, which Docker and containerd read with.
    pub header_bytes: u64,
    /// Most bytes of names and values of one entry's extended attributes. Default: 1 MiB.
    pub xattr_bytes: usize,
    /// Most pieces of one sparse file. Default: 1 million.
    pub sparse_segments: usize,
    /// Most memory, roughly, that is kept about directories and links until the layer is complete.
    /// Default: 256 MiB, enough for a million directories.
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 256 << 30,
            inflate_ratio: 1_100,
            ratio_free_bytes: 1 << 30,
            entries: 10_000_000,
            path_depth: 2_048,
            path_bytes: 4_095,
            header_bytes: 1 << 20,
            xattr_bytes: 1 << 20,
            sparse_segments: 1_000_000,
            memory_bytes: 256 << 20,
        }
    }
}

/// What was more than a limit allows. `limit` is in the unit that the text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// See [`Limits::unpacked_bytes`].
    #[error("the layer unpacks to more than {limit} bytes")]
    UnpackedBytes {
        /// The limit, in bytes.
        limit: u64,
    },
    /// See [`Limits::inflate_ratio`].
    #[error("the layer inflates to more than {limit} times its compressed size")]
    InflateRatio {
        /// The limit, in bytes of output for each byte of input.
        limit: u64,
    },
    /// See [`Limits::entries`].
    #[error("the layer has more than {limit} entries")]
    Entries {
        /// The limit, in entries.
        limit: u64,
    },
    /// See [`Limits::path_depth`].
    #[error("the path has more than {limit} components")]
    PathDepth {
        /// The limit, in components.
        limit: u64,
    },
    /// See [`Limits::path_bytes`].
    #[error("the path or link target has more than {limit} bytes")]
    PathBytes {
        /// The limit, in bytes.
        limit: u64,
    },
    /// See [`Limits::header_bytes`].
    #[error("the extended header has more than {limit} bytes")]
    HeaderBytes {
        /// The limit, in bytes.
        limit: u64,
    },
    /// See [`Limits::xattr_bytes`].
    #[error("the extended attributes have more than {limit} bytes")]
    XattrBytes {
        /// The limit, in bytes.
        limit: u64,
    },
    /// See [`Limits::sparse_segments`].
    #[error("the sparse file has more than {limit} pieces")]
    SparseSegments {
        /// The limit, in pieces.
        limit: u64,
    },
    /// See [`Limits::memory_bytes`].
    #[error("the layer's directories and links need more than {limit} bytes of memory")]
    MemoryBytes {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl LimitExceeded {
    /// The limit that `error` reports, if it is one that [`From`] made of a `LimitExceeded`.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<LimitExceeded> for io::Error {
    fn from(limit: LimitExceeded) -> Self {
        Self::new(io::ErrorKind::InvalidData, limit)
    }
}

/// A limit of `usize` as the errors carry it.
pub(crate) fn as_u64(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}
