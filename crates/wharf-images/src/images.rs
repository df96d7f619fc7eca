//! Images as the store knows them, and how they become known.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use wharf_blobs::BlobError;
use wharf_oci::{
    ChainId, Descriptor, DiffId, Digest, ImageConfig, ImageId, Manifest, ManifestDigest,
    ManifestError, ParsedManifest, Platform, RawManifest,
};

use crate::layers::LayerRecord;
use crate::leases::Lease;
use crate::names::{NameError, NameRecord};
use crate::records::{Durability, ImageRow, NewImage, RecordsError, Session};
use crate::store::ImageStore;

/// One image of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// The digest of its config.
    pub id: ImageId,
    /// The config as the manifest names it: the same digest, unless the manifest uses another algorithm.
    pub config: Digest,
    /// The manifest it was recorded with last.
    pub manifest: ManifestDigest,
    /// Every manifest it stands in.
    pub manifests: Vec<Descriptor>,
    /// When it was made, if its config says so.
    pub created: Option<Timestamp>,
    /// Sum of its layers' sizes, in bytes: what `images` shows.
    pub size: u64,
    /// What it runs on, as its config writes it.
    pub platform: Platform,
    /// The image it was built upon on this machine, if it was.
    pub parent: Option<ImageId>,
    /// When this store came to know it.
    pub recorded: Timestamp,
    /// Labels of its config.
    pub labels: BTreeMap<String, String>,
    /// Its layers from the base up.
    pub layers: Vec<ImageLayer>,
    /// Its names, sorted.
    pub names: Vec<NameRecord>,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLayer {
    /// The layer.
    pub diff_id: DiffId,
    /// This layer with everything below it.
    pub chain_id: ChainId,
    /// Sum of its files' sizes, in bytes; `None` if it is not known (a damaged store).
    pub size: Option<u64>,
}

/// Why an image could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordImageError {
    /// The manifest is an index, or not an image's.
    #[error("manifest {0} is not the manifest of one image")]
    NotAnImage(ManifestDigest),
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The config is not the one that the manifest names.
    #[error("manifest {manifest} names config {expected}, not {actual}")]
    WrongConfig {
        /// The manifest.
        manifest: ManifestDigest,
        /// What it names.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// Manifest, config and layers do not agree on how many layers there are.
    #[error("image {image} has {manifest} layers by its manifest, {config} by its config")]
    LayerCount {
        /// The image.
        image: ImageId,
        /// Layers in the manifest.
        manifest: usize,
        /// Layers in the config.
        config: usize,
    },
    /// A layer is not the one that the config names.
    #[error("layer {position} of image {image} should be {expected}, but is {actual}")]
    WrongLayer {
        /// The image.
        image: ImageId,
        /// Which layer; 0 is the base.
        position: usize,
        /// By config or manifest.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// A blob is not in the store.
    #[error("content {0} is not in the store: pull the image again")]
    MissingBlob(Digest),
    /// A layer is not unpacked.
    #[error("layer {0} is not unpacked in the store: pull the image again")]
    MissingLayer(DiffId),
    /// The lease lasted longer than a day and was not extended.
    #[error("the work took too long and what it fetched may have been removed: try again")]
    LeaseEnded,
    /// A folder could not be looked at.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The blobs failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A name cannot be given.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl ImageStore {
    /// As [`ImageStore::record_image`], and gives the image `names` in the same step: nobody sees it without, so that
    /// nobody takes it for a dangling one and removes it, and a process that dies leaves no image without a name. Tells what
    /// each name pointed to before.
    pub fn record_named_image(
        &self,
        manifest: &RawManifest,
        config: &ImageConfig,
        layers: &[(Descriptor, LayerRecord)],
        lease: &Lease,
        names: &[NameRecord],
    ) -> Result<Vec<Option<NameRecord>>, RecordImageError> {
        let mut previous = Vec::new();
        self.record(
            manifest,
            config,
            layers,
            |session| check_lease(session, lease),
            |session| {
                if !names.is_empty() {
                    previous = self.shared.put_names(session, names)?;
                }
                Ok(())
            },
        )?;
        Ok(previous)
    }

    /// As [`ImageStore::record_named_image`], of an image that was made here just now: that is when lists say it was made, whatever its
    /// config says.
    ///
    /// # Errors
    /// As [`ImageStore::record_image`].
    pub fn record_built_image(
        &self,
        manifest: &RawManifest,
        config: &ImageConfig,
        layers: &[(Descriptor, LayerRecord)],
        lease: &Lease,
        names: &[NameRecord],
    ) -> Result<(), RecordImageError> {
        let built = self.shared.clock.now();
        self.record(
            manifest,
            config,
            layers,
            |session| check_lease(session, lease),
            |session| {
                session.set_built(config.id(), built)?;
                if !names.is_empty() {
                    self.shared.put_names(session, names)?;
                }
                Ok(())
            },
        )?;
        Ok(())
    }

    /// Records an image whose manifest, config, layer blobs and layers (unpacked, or known from a build) are all in the store
    /// and under `lease`. `layers` are the manifest's, from the base up, with what they unpacked to.
    /// An image that is recorded already gains the manifest.
    pub fn record_image(
        &self,
        manifest: &RawManifest,
        config: &ImageConfig,
        layers: &[(Descriptor, LayerRecord)],
        lease: &Lease,
    ) -> Result<ImageRecord, RecordImageError> {
        let guard = |session: &Session<'_>| check_lease(session, lease);
        self.record(manifest, config, layers, guard, |_| Ok(()))
    }

    /// As [`ImageStore::record_image`], for content that is known to be here by a check or a rebuild,
    /// which hold a lease or the only reference to it.
    pub(crate) fn record_present_image(
        &self,
        manifest: &RawManifest,
        config: &ImageConfig,
        layers: &[(Descriptor, LayerRecord)],
    ) -> Result<ImageRecord, RecordImageError> {
        self.record(manifest, config, layers, |_| Ok(()), |_| Ok(()))
    }

    // `guard` is asked first inside the transaction, and `then` is done at its end.
    fn record(
        &self,
        manifest: &RawManifest,
        config: &ImageConfig,
        layers: &[(Descriptor, LayerRecord)],
        guard: impl FnOnce(&Session<'_>) -> Result<(), RecordImageError>,
        then: impl FnOnce(&Session<'_>) -> Result<(), RecordImageError>,
    ) -> Result<ImageRecord, RecordImageError> {
        let parsed = image_manifest(manifest)?;
        check_agreement(manifest.digest(), &parsed, config, layers)?;
        let stack: Vec<(DiffId, ChainId)> = config
            .diff_ids()
            .iter()
            .copied()
            .zip(config.chain_ids())
            .collect();
        let row = ImageRow {
            id: config.id(),
            config: parsed.config.digest,
            manifest: manifest.digest(),
            created: config.created(),
            size: layers.iter().map(|(_, layer)| layer.size).sum(),
            platform: config.platform(),
            parent: None,
            recorded: self.shared.clock.now(),
            built: None,
            labels: config.labels().cloned().unwrap_or_default(),
        };
        self.shared.records.write(Durability::Durable, |session| {
            guard(session)?;
            self.check_presence(manifest.digest(), &parsed, layers)?;
            session.put_image(&NewImage {
                row: &row,
                manifest: &manifest.descriptor(),
                layers: &stack,
            })?;
            session.put_edge(manifest.digest().digest(), &row.config)?;
            for (blob, layer) in layers {
                session.put_edge(manifest.digest().digest(), &blob.digest)?;
                session.put_layer(layer)?;
                session.put_layer_blob(blob, layer.diff_id)?;
            }
            then(session)?;
            self.shared.step("record: before commit");
            read_image(session, row.id)?
                .ok_or_else(|| RecordImageError::NotAnImage(manifest.digest()))
        })
    }

    /// The image called `id`, with its layers and names.
    pub fn image(&self, id: ImageId) -> Result<Option<ImageRecord>, RecordsError> {
        self.shared.records.read(|session| read_image(session, id))
    }

    /// Says that `image` was built upon `parent` on this machine, as the steps of a classic build are:
    /// then `parent` cannot be removed before `image`. Whether `image` is recorded at all.
    pub fn set_parent(
        &self,
        image: ImageId,
        parent: Option<ImageId>,
    ) -> Result<bool, RecordsError> {
        self.shared.records.write(Durability::Durable, |session| {
            session.set_parent(image, parent)
        })
    }

    fn check_presence(
        &self,
        digest: ManifestDigest,
        manifest: &Manifest,
        layers: &[(Descriptor, LayerRecord)],
    ) -> Result<(), RecordImageError> {
        let documents = [*digest.digest(), manifest.config.digest];
        let blobs = layers.iter().map(|(blob, _)| blob.digest);
        for digest in documents.into_iter().chain(blobs) {
            if self.shared.blobs.contains(&digest)?.is_none() {
                return Err(RecordImageError::MissingBlob(digest));
            }
        }
        // The tree of a packed one is made of its blob when somebody looks.
        for (_, layer) in layers.iter().filter(|(_, layer)| !layer.may_be_packed()) {
            let path = self.shared.layer_path(layer.diff_id);
            let found = path.try_exists();
            if !found.map_err(|source| RecordImageError::Io { path, source })? {
                return Err(RecordImageError::MissingLayer(layer.diff_id));
            }
        }
        Ok(())
    }
}

fn check_lease(session: &Session<'_>, lease: &Lease) -> Result<(), RecordImageError> {
    if session.lease_holds(lease.id)? {
        return Ok(());
    }
    Err(RecordImageError::LeaseEnded)
}

/// The image with everything that hangs on it.
pub(crate) fn read_image(
    session: &Session<'_>,
    id: ImageId,
) -> Result<Option<ImageRecord>, RecordsError> {
    let Some(row) = session.image(id)? else {
        return Ok(None);
    };
    let mut layers = Vec::new();
    for (diff_id, chain_id) in session.layers_of(id)? {
        let size = session.layer(diff_id)?.map(|layer| layer.size);
        layers.push(ImageLayer {
            diff_id,
            chain_id,
            size,
        });
    }
    Ok(Some(ImageRecord {
        id,
        config: row.config,
        manifest: row.manifest,
        manifests: session.manifests_of(id)?,
        created: row.created,
        size: row.size,
        platform: row.platform,
        parent: row.parent,
        recorded: row.recorded,
        labels: row.labels,
        layers,
        names: session.names_of(id)?,
    }))
}

fn image_manifest(manifest: &RawManifest) -> Result<Manifest, RecordImageError> {
    match manifest.parse()? {
        ParsedManifest::Manifest(parsed) => Ok(*parsed),
        ParsedManifest::Index(_) => Err(RecordImageError::NotAnImage(manifest.digest())),
    }
}

fn check_agreement(
    digest: ManifestDigest,
    manifest: &Manifest,
    config: &ImageConfig,
    layers: &[(Descriptor, LayerRecord)],
) -> Result<(), RecordImageError> {
    let image = config.id();
    if !manifest.config.digest.matches(config.bytes()) {
        return Err(RecordImageError::WrongConfig {
            manifest: digest,
            expected: manifest.config.digest,
            actual: *image.digest(),
        });
    }
    let (by_manifest, by_config) = (manifest.layers.len(), config.diff_ids().len());
    if by_manifest != by_config || layers.len() != by_manifest {
        return Err(RecordImageError::LayerCount {
            image,
            manifest: by_manifest,
            config: by_config,
        });
    }
    let expected = manifest.layers.iter().zip(config.diff_ids());
    for (position, ((blob, layer), (descriptor, diff_id))) in
        layers.iter().zip(expected).enumerate()
    {
        let pairs = [
            (descriptor.digest, blob.digest),
            (*diff_id.digest(), *layer.diff_id.digest()),
        ];
        for (expected, actual) in pairs {
            if expected != actual {
                return Err(RecordImageError::WrongLayer {
                    image,
                    position,
                    expected,
                    actual,
                });
            }
        }
    }
    Ok(())
}
