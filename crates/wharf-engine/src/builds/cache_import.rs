//! `--cache-from`: records of a cache elsewhere are read at once, its layers when a step needs them.

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use wharf_blobs::Spool;
use wharf_build::builder::{BuildEvent, BuildEvents};
use wharf_images::{ImageStore, Lease};
use wharf_layers::{Decompressor, Limits};
use wharf_oci::{
    Algorithm, Descriptor, Digest, Hasher, Index, Manifest, ParsedManifest, Platform,
    PlatformMatcher, RawManifest, Reference,
};
use wharf_registry_client::TagOrDigest;
use wharf_transfer::{ErrorKind, blob_path};

use super::cache_records::{
    ANNOTATION, CONFIG_TYPE, CacheRecord, CacheRecords, ImportedRecords, RECORDS_LIMIT_BYTES,
};
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure, with_causes};

/// A document of a layout may be this long.
const DOCUMENT_LIMIT_BYTES: u64 = 4 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// Where a cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheSource {
    /// An artifact, or an image with records about itself, in a registry.
    Registry(Reference),
    /// An OCI layout in a folder.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Which of its entries, by name; the last one without.
        tag: Option<String>,
    },
}

impl std::fmt::Display for CacheSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry(reference) => write!(f, "{reference}"),
            Self::Folder { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

/// Caches that were read.
#[derive(Debug, Default)]
pub(super) struct ImportedCaches {
    pub(super) sources: Vec<CacheSource>,
    pub(super) records: ImportedRecords,
}

impl Engine {
    /// Reads the records of caches. One that cannot be had is a warning: a build does not need it.
    pub(super) async fn import_caches(
        &self,
        sources: &[CacheSource],
        platform: &Platform,
        events: &BuildEvents,
    ) -> ImportedCaches {
        let mut caches = ImportedCaches {
            sources: sources.to_vec(),
            records: ImportedRecords::default(),
        };
        for (number, source) in sources.iter().enumerate() {
            let running = events.start(format!("importing cache manifest from {source}"));
            match self.records_of(source, platform).await {
                Ok(records) => caches.records.add(number, records),
                Err(error) => {
                    let cause = with_causes(&error);
                    running.status(format!("not used: {cause}"));
                    events.tell(BuildEvent::Warning(format!(
                        "the cache {source} is not used: {cause}"
                    )));
                }
            }
            running.done();
        }
        caches
    }

    async fn records_of(
        &self,
        source: &CacheSource,
        platform: &Platform,
    ) -> Result<CacheRecords, EngineError> {
        let manifest = match source {
            CacheSource::Registry(reference) => {
                let client = self.repository(reference.repository())?;
                let root = TagOrDigest::of(&reference.clone().digest_wins().or_latest());
                let mut raw = client.get_manifest(&root).await.map_err(classify)?;
                if let ParsedManifest::Index(index) = raw.parse().map_err(classify)? {
                    let child = TagOrDigest::Digest(chosen(&index, platform)?.digest);
                    raw = client.get_manifest(&child).await.map_err(classify)?;
                }
                let manifest = manifest(&raw)?;
                if manifest.config.media_type.as_str() == CONFIG_TYPE {
                    let config = &manifest.config;
                    let bytes = client.read_blob(config, RECORDS_LIMIT_BYTES).await;
                    return CacheRecords::read(&bytes.map_err(classify)?);
                }
                manifest
            }
            CacheSource::Folder { path, tag } => {
                let manifest = folder_manifest(path, tag.as_deref(), platform)?;
                if manifest.config.media_type.as_str() == CONFIG_TYPE {
                    let digest = &manifest.config.digest;
                    let bytes = document(path, digest, RECORDS_LIMIT_BYTES)?;
                    return CacheRecords::read(&bytes);
                }
                manifest
            }
        };
        let records = manifest.annotations.get(ANNOTATION);
        let none = || {
            let text = "it is neither a cache that Wharf has written nor an image with one (--cache-to=type=inline)";
            failure(ErrorKind::NotFound, text)
        };
        CacheRecords::read(records.ok_or_else(none)?.as_bytes())
    }

    /// Fetches a layer of a cache.
    pub(super) async fn cached_layer(
        &self,
        source: &CacheSource,
        blob: &Descriptor,
    ) -> Result<Spool, EngineError> {
        let mut spool = self.store()?.blobs().spool().map_err(classify)?;
        match source {
            CacheSource::Folder { path, .. } => {
                let file = File::open(path.join(blob_path(&blob.digest))).map_err(classify)?;
                let mut limited = file.take(blob.size.saturating_add(1));
                io::copy(&mut limited, &mut spool).map_err(classify)?;
            }
            CacheSource::Registry(reference) => {
                let client = self.repository(reference.repository())?;
                let mut stream = client.open_blob(blob, 0).await.map_err(classify)?;
                while let Some(chunk) = stream.next_chunk().await.map_err(classify)? {
                    spool.write_all(&chunk).map_err(classify)?;
                }
            }
        }
        Ok(spool)
    }
}

/// Takes a layer of a cache into the store, if it is the one that the record names.
pub(super) fn take_layer(
    spool: Spool,
    record: &CacheRecord,
    store: &ImageStore,
    lease: &Lease,
    limits: &Limits,
) -> Result<(), EngineError> {
    let corrupt = |what: &str, expected: &dyn std::fmt::Display, actual: &dyn std::fmt::Display| {
        let text = format!("its {what} should be {expected}, but is {actual}");
        failure(ErrorKind::Corrupt, text)
    };
    let (wanted, actual) = (record.blob.digest, spool.digest());
    if actual != wanted || spool.size() != record.blob.size {
        return Err(corrupt("layer", &wanted, &actual));
    }
    let source = BufReader::with_capacity(BUFFER_BYTES, spool.reopen().map_err(classify)?);
    let mut tar = Decompressor::new(source, limits).map_err(classify)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = tar.read(&mut buffer).map_err(classify)?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    let (wanted, actual) = (*record.diff_id().digest(), hasher.finish());
    if actual != wanted {
        return Err(corrupt("content", &wanted, &actual));
    }
    lease
        .protect(&[record.blob.digest, wanted])
        .map_err(classify)?;
    let blobs = store.blobs();
    spool.publish(blobs, blobs.group_sync()).map_err(classify)?;
    Ok(())
}

fn chosen<'a>(index: &'a Index, platform: &Platform) -> Result<&'a Descriptor, EngineError> {
    let found = index.choose(&PlatformMatcher::only(platform));
    found.ok_or_else(|| {
        failure(
            ErrorKind::NotFound,
            format!("it has nothing for {platform}"),
        )
    })
}

fn manifest(raw: &RawManifest) -> Result<Manifest, EngineError> {
    match raw.parse().map_err(classify)? {
        ParsedManifest::Manifest(manifest) => Ok(*manifest),
        ParsedManifest::Index(_) => {
            let text = "an index of it has another index";
            Err(failure(ErrorKind::Invalid, text))
        }
    }
}

fn folder_manifest(
    folder: &Path,
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Manifest, EngineError> {
    let path = folder.join("index.json");
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(DOCUMENT_LIMIT_BYTES).read_to_end(&mut bytes))
        .map_err(|error| {
            let kind = classify(io::Error::from(error.kind())).kind();
            failure(kind, format!("cannot read {}: {error}", path.display()))
        })?;
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|error| failure(ErrorKind::Invalid, format!("{}: {error}", path.display())))?;
    let named = |entry: &&Descriptor| {
        tag.is_none() || entry.annotation("org.opencontainers.image.ref.name") == tag
    };
    let entry = index.manifests.iter().rev().find(named).ok_or_else(|| {
        let tag = tag.map_or_else(String::new, |tag| format!(" called {tag}"));
        failure(
            ErrorKind::NotFound,
            format!("{} has no entry{tag}", path.display()),
        )
    })?;
    let read = |entry: &Descriptor| {
        let bytes = document(folder, &entry.digest, DOCUMENT_LIMIT_BYTES)?;
        let algorithm = entry.digest.algorithm();
        RawManifest::new(bytes, Some(&entry.media_type), algorithm).map_err(classify)
    };
    let raw = read(entry)?;
    match raw.parse().map_err(classify)? {
        ParsedManifest::Index(index) => manifest(&read(chosen(&index, platform)?)?),
        ParsedManifest::Manifest(found) => Ok(*found),
    }
}

/// A document of a layout, verified.
fn document(folder: &Path, digest: &Digest, limit: u64) -> Result<Vec<u8>, EngineError> {
    let path = folder.join(blob_path(digest));
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(classify)?;
    if !digest.matches(&bytes) {
        let text = format!("{} does not have the digest in its name", path.display());
        return Err(failure(ErrorKind::Corrupt, text));
    }
    Ok(bytes)
}
