//! Files of web servers: fetched once, and from then on the server is asked whether it has another one by now.

use std::fs::File;
use std::io::{self, Write as _};

use wharf_build::builder::Fetched;
use wharf_build::tree::SharedFile;
use wharf_images::FetchedFacts;
use wharf_oci::{Algorithm, Digest, Hasher};
use wharf_registry_client::{Download, KnownFile, Validators};

use crate::blocking;
use crate::engine::Engine;
use crate::error::{EngineError, classify};

const READ_BYTES: usize = 256 << 10;

impl Engine {
    /// What is at an address now.
    pub(super) async fn fetched(&self, url: &str) -> Result<Fetched, EngineError> {
        let download = self.client()?.download(url).await.map_err(classify)?;
        self.taken(download, None).await
    }

    /// What is at an address now, which is what was fetched from there before if the server says so; if it has the digest `checksum`,
    /// nobody is asked. With `fresh` what was fetched before does not count.
    pub(super) async fn fetched_again(
        &self,
        url: &str,
        checksum: Option<&str>,
        fresh: bool,
    ) -> Result<Fetched, EngineError> {
        let keep = Some(Keep {
            url,
            pinned: checksum.is_some(),
        });
        let kept = self.store()?.fetched_file(url).filter(|(facts, _)| {
            !fresh && checksum.is_none_or(|wanted| wanted == facts.digest.to_string())
        });
        let Some((facts, file)) = kept else {
            let download = self.client()?.download(url).await.map_err(classify)?;
            return self.taken(download, keep).await;
        };
        if checksum.is_none() {
            let changed = match known(&facts) {
                Some(known) => self.client()?.download_unless(url, &known).await,
                None => self.client()?.download(url).await.map(Some),
            };
            if let Some(download) = changed.map_err(classify)? {
                return self.taken(download, keep).await;
            }
        }
        if let Some(kept) = unchanged(file, facts).await? {
            if let Err(error) = self.store()?.use_fetched_file(url) {
                tracing::warn!(%error, "it cannot be recorded when a fetched file was used");
            }
            return Ok(kept);
        }
        // A disk that was damaged, or a machine that went down while it was written.
        let download = self.client()?.download(url).await.map_err(classify)?;
        self.taken(download, keep).await
    }

    /// Takes the bytes, and keeps them for the next time if the server will tell whether they have changed, or nobody has to ask it.
    async fn taken(
        &self,
        mut download: Download,
        keep: Option<Keep<'_>>,
    ) -> Result<Fetched, EngineError> {
        let store = self.store()?;
        let mut scratch = store.blobs().scratch().map_err(classify)?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut size = 0;
        while let Some(chunk) = download.next_chunk().await.map_err(classify)? {
            hasher.update(&chunk);
            scratch.write_all(&chunk).map_err(classify)?;
            size += chunk.len() as u64;
        }
        let (file, digest) = (scratch.reopen().map_err(classify)?, hasher.finish());
        let validators = download.validators();
        let keep = keep.filter(|keep| keep.pinned || validators.is_some());
        let file = match keep {
            None => SharedFile::new(file, scratch),
            Some(Keep { url, .. }) => {
                let facts = facts(&download, digest, size);
                // What cannot be kept is fetched again the next time.
                if let Err(error) = store.keep_fetched_file(url, &facts, scratch) {
                    tracing::warn!(%error, "a fetched file cannot be kept");
                }
                SharedFile::new(file, ())
            }
        };
        Ok(Fetched {
            file,
            size,
            digest,
            modified: None,
        })
    }
}

/// As what a file is kept.
struct Keep<'a> {
    url: &'a str,
    /// Whether its digest is known before it is asked for.
    pinned: bool,
}

fn facts(download: &Download, digest: Digest, size: u64) -> FetchedFacts {
    let (entity_tag, last_modified) = match download.validators() {
        None => (None, None),
        Some(Validators::EntityTag(tag)) => (Some(tag.clone()), None),
        Some(Validators::LastModified(date)) => (None, Some(date.clone())),
    };
    FetchedFacts {
        url: download.asked().to_owned(),
        place: download.place().to_owned(),
        entity_tag,
        last_modified,
        digest,
        size,
    }
}

fn known(facts: &FetchedFacts) -> Option<KnownFile> {
    let tag = facts.entity_tag.clone().map(Validators::EntityTag);
    let date = || facts.last_modified.clone().map(Validators::LastModified);
    Some(KnownFile {
        place: facts.place.clone(),
        validators: tag.or_else(date)?,
    })
}

/// What is kept, if it still has the digest that it had.
async fn unchanged(file: File, facts: FetchedFacts) -> Result<Option<Fetched>, EngineError> {
    blocking::run(move || {
        let (size, digest) = (facts.size, facts.digest);
        let file = SharedFile::new(file, ());
        let found = digest_of(file.span(0, size)).map_err(classify)?;
        Ok((found == digest).then_some(Fetched {
            file,
            size,
            digest,
            modified: None,
        }))
    })
    .await
}

fn digest_of(mut content: impl io::Read) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = content.read(&mut buffer)?;
        if length == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..length).unwrap_or_default());
    }
}
