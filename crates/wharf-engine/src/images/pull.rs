//! `pull`: from a registry into the store. The name is the last thing written.

use wharf_images::{ImageStore, Lease, NameError, NameRecord};
use wharf_oci::{Digest, ImageId, ImageQuery, Platform, PlatformMatcher, Reference, Repository};
use wharf_registry_client::{RepositoryClient, TagOrDigest};
use wharf_transfer::{CopyOptions, ErrorKind, EventSink, ImageGraph, TransferEvent, copy_image};

use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};
use crate::local_endpoint::{LocalSink, recorded_layers};
use crate::registry_endpoint::RegistrySource;

/// Most tags that `--all-tags` pulls.
const TAG_LIMIT: usize = 100_000;

/// What to pull.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// The image; a bare name means its tag `latest`, and of tag and digest the digest counts.
    pub reference: Reference,
    /// For this platform instead of the machine's.
    pub platform: Option<Platform>,
}

/// What a pull came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullOutcome {
    /// What was pulled: repository with a tag, or with a digest.
    pub reference: Reference,
    /// The digest of what the registry serves under it.
    pub digest: Digest,
    /// Whether anything changed.
    pub status: PullStatus,
}

/// Whether a pull changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullStatus {
    /// The name points to another image now, or is new.
    Downloaded,
    /// The name pointed to this image before.
    UpToDate,
}

impl Engine {
    /// Pulls one image and tells `events` what Docker tells.
    pub async fn pull(
        &self,
        request: &PullRequest,
        events: &EventSink,
    ) -> Result<PullOutcome, EngineError> {
        let reference = request.reference.clone().digest_wins().or_latest();
        let repository = reference.repository();
        let client = self.repository(repository)?;
        let id = match (reference.digest(), reference.tag()) {
            (None, Some(tag)) => tag.to_string(),
            _ => reference.to_string(),
        };
        let text = format!("Pulling from {}", repository.path());
        let begin = || {
            events(TransferEvent::TagStatus {
                id: id.clone(),
                text: text.clone(),
            });
        };
        let outcome = self
            .pull_from(&client, &reference, request, events, &begin)
            .await?;
        events(TransferEvent::Status(format!("Digest: {}", outcome.digest)));
        let familiar = reference.familiar();
        events(TransferEvent::Status(match outcome.status {
            PullStatus::Downloaded => format!("Status: Downloaded newer image for {familiar}"),
            PullStatus::UpToDate => format!("Status: Image is up to date for {familiar}"),
        }));
        Ok(outcome)
    }

    /// The tags of a repository, for `pull --all-tags`.
    pub async fn remote_tags(
        &self,
        repository: &Repository,
    ) -> Result<Vec<Reference>, EngineError> {
        let tags = self
            .repository(repository)?
            .list_tags(TAG_LIMIT)
            .await
            .map_err(classify)
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => {
                    let text = format!("repository {} not found: {error}", repository.familiar());
                    failure(ErrorKind::NotFound, text)
                }
                _ => error,
            })?;
        Ok(tags
            .into_iter()
            .map(|tag| repository.with_tag(tag))
            .collect())
    }

    async fn pull_from(
        &self,
        client: &RepositoryClient,
        reference: &Reference,
        request: &PullRequest,
        events: &EventSink,
        begin: &(dyn Fn() + Sync),
    ) -> Result<PullOutcome, EngineError> {
        let store = self.store()?;
        let platform = request
            .platform
            .as_ref()
            .unwrap_or(&self.settings().platform);
        let known = store.name(reference).map_err(classify)?;
        if let Some(known) = &known
            && self.is_current(client, known, platform).await?
            && names_digest_too(store, known)?
        {
            begin();
            return Ok(PullOutcome {
                reference: reference.clone(),
                digest: known.target.digest,
                status: PullStatus::UpToDate,
            });
        }
        let root = client
            .get_manifest(&TagOrDigest::of(reference))
            .await
            .map_err(classify)?;
        begin();
        let lease = store
            .lease(&format!("pull {reference}"))
            .map_err(classify)?;
        let settings = self.settings();
        let concurrency = settings.max_concurrent_downloads.max(1);
        // The sink holds the lease: what it took is kept until the name is written.
        let sink = LocalSink::new(store, lease, &settings.limits, concurrency)
            .only_for(reference, request.platform.as_ref());
        let source = RegistrySource::with_cache(client, store, events);
        let options = CopyOptions {
            platform: Some(platform.clone()),
            concurrency,
        };
        let graph = copy_image(&source, &sink, root, &options, events).await?;
        let image = record(store, sink.lease(), reference, &graph)?;
        let blobs: Vec<Digest> = graph
            .images
            .iter()
            .flat_map(|parts| parts.layers.iter().map(|layer| layer.descriptor.digest))
            .collect();
        store
            .remember_origins(reference.repository(), &blobs)
            .map_err(classify)?;
        let status = match known {
            Some(known) if known.image == image => PullStatus::UpToDate,
            _ => PullStatus::Downloaded,
        };
        let digest = *graph.root.digest().digest();
        Ok(PullOutcome {
            reference: reference.clone(),
            digest,
            status,
        })
    }

    /// Whether what the name points to here is what the registry serves: one request, none for a digest.
    async fn is_current(
        &self,
        client: &RepositoryClient,
        known: &NameRecord,
        platform: &Platform,
    ) -> Result<bool, EngineError> {
        let store = self.store()?;
        let query = ImageQuery::Digest(*known.image.digest());
        let Ok(found) = store.resolve(&query) else {
            return Ok(false);
        };
        let image = found.image;
        let whole = image.layers.iter().all(|layer| layer.size.is_some());
        let fits = PlatformMatcher::only(platform)
            .rank(&image.platform)
            .is_some();
        if !whole || !fits {
            return Ok(false);
        }
        if known.name.digest().is_some() {
            return Ok(true);
        }
        let served = client
            .head_manifest(&TagOrDigest::of(&known.name))
            .await
            .map_err(classify)?;
        Ok(served.is_some_and(|served| served.digest == known.target.digest))
    }
}

/// Gives what a tag points to its name by digest back, if that was removed. `false`: somebody removed the image just now.
fn names_digest_too(store: &ImageStore, known: &NameRecord) -> Result<bool, EngineError> {
    let by_digest = known.name.repository().with_digest(known.target.digest);
    if store.name(&by_digest).map_err(classify)?.is_some() {
        return Ok(true);
    }
    match store.set_name(&by_digest, &known.target, known.manifest, known.image) {
        Ok(_) => Ok(true),
        Err(NameError::NoSuchImage(_)) => Ok(false),
        Err(error) => Err(classify(error)),
    }
}

/// Records the image and points the names to it: the tag that was asked for, and the digest it stands for.
fn record(
    store: &ImageStore,
    lease: &Lease,
    reference: &Reference,
    graph: &ImageGraph,
) -> Result<ImageId, EngineError> {
    let pulled = graph
        .images
        .first()
        .and_then(|parts| Some((parts, parts.image.as_ref()?)));
    let (parts, config) = pulled.ok_or_else(|| {
        failure(
            ErrorKind::NotFound,
            format!("{reference} has no image for this platform"),
        )
    })?;
    let by_digest = reference
        .repository()
        .with_digest(*graph.root.digest().digest());
    let mut names = vec![reference.clone()];
    if by_digest != *reference {
        names.push(by_digest);
    }
    let updated = store.clock().now();
    let records: Vec<NameRecord> = names
        .into_iter()
        .map(|name| NameRecord {
            name,
            target: graph.root.descriptor(),
            manifest: parts.manifest.digest(),
            image: config.id(),
            updated,
        })
        .collect();
    let layers = recorded_layers(store, &parts.layers)?;
    store
        .record_named_image(&parts.manifest, config, &layers, lease, &records)
        .map_err(classify)?;
    Ok(config.id())
}
