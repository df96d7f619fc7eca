//! One file of the portal, with what clients are told about it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// The folder of files whose names hold a hash of their content.
const HASHED: &str = "/assets/";
/// Smaller files are sent as they are.
const GZIP_FROM_BYTES: usize = 1024;
/// How many bytes of the content's SHA-256 name it.
const TAG_BYTES: usize = 16;

/// A file, as it is sent.
#[derive(Debug)]
pub(super) struct File {
    /// Where it is.
    pub(super) path: &'static str,
    content: &'static [u8],
    /// Made when the first client wants it.
    gzip: OnceLock<Option<Bytes>>,
    tag: OnceLock<String>,
}

impl File {
    pub(super) fn new(path: &'static str, content: &'static [u8]) -> Self {
        Self {
            path,
            content,
            gzip: OnceLock::new(),
            tag: OnceLock::new(),
        }
    }

    /// What it is.
    pub(super) fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("md") => "text/markdown; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// How long it may be kept: for ever when its name changes with its content, else until it was asked for again.
    pub(super) fn cache_control(&self) -> &'static str {
        if self.path.starts_with(HASHED) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }

    /// All of it.
    pub(super) fn content(&self) -> Bytes {
        Bytes::from_static(self.content)
    }

    /// All of it, compressed; `None` if that would save nothing.
    pub(super) fn gzip(&self) -> Option<Bytes> {
        self.gzip
            .get_or_init(|| {
                let worth_it = self.content.len() >= GZIP_FROM_BYTES;
                worth_it.then(|| compress(self.content).ok()).flatten()
            })
            .clone()
    }

    /// Its entity tag. Compressed it is another entity, so it has another.
    pub(super) fn etag(&self, compressed: bool) -> String {
        let tag = self.tag.get_or_init(|| name_of(self.content));
        format!("\"{tag}{}\"", if compressed { "-gzip" } else { "" })
    }
}

fn compress(content: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.into())
}

fn name_of(content: &[u8]) -> String {
    let mut name = String::new();
    for byte in Sha256::digest(content).iter().take(TAG_BYTES) {
        // Writing to a text cannot fail.
        let _written = write!(name, "{byte:02x}").is_ok();
    }
    name
}
