//! `system df`: what the images take on disk, and what of it could go.

use std::collections::{HashMap, HashSet};

use wharf_blobs::BlobError;
use wharf_oci::{DiffId, Digest, ImageId};

use crate::list::{ImageSummary, ListFilter};
use crate::records::RecordsError;
use crate::resolve::ResolveError;
use crate::snapshots::MountsError;
use crate::store::ImageStore;

/// What the images take on disk. All sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Every image that is not merely a step of another, with shared size and number of users, in
    /// the order of `images`.
    pub images: Vec<ImageSummary>,
    /// How many of them are used by a container or another user, or are mounted.
    pub active: u64,
    /// Sum of the sizes of all unpacked layers, each counted once: what Docker shows as size.
    pub layer_bytes: u64,
    /// How much of that `prune --all` would free: layers that no image in use has.
    pub reclaimable_layer_bytes: u64,
    /// What the unpacked layers take on disk, block by block.
    pub unpacked_bytes: u64,
    /// Manifests, configs and compressed layers.
    pub blob_bytes: u64,
    /// How much of that `prune --all` would free.
    pub reclaimable_blob_bytes: u64,
    /// Downloads that were begun and are not finished.
    pub unfinished_bytes: u64,
}

/// Why disk usage could not be told.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The images could not be listed.
    #[error(transparent)]
    List(#[from] ResolveError),
    /// The blobs could not be looked at.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// Mounts could not be judged.
    #[error(transparent)]
    Mounts(#[from] MountsError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

// What the records say, taken in one transaction.
struct Survey {
    used: HashSet<ImageId>,
    kept_blobs: HashSet<Digest>,
    layers: HashMap<DiffId, (u64, u64)>,
    layer_uses: Vec<(ImageId, DiffId)>,
}

impl ImageStore {
    /// Counts everything once.
    pub fn usage(&self) -> Result<DiskUsage, UsageError> {
        let survey = self.survey()?;
        let images = self.list(&ListFilter {
            shared_size: true,
            ..ListFilter::default()
        })?;
        let kept_layers: HashSet<DiffId> = survey
            .layer_uses
            .iter()
            .filter(|(image, _)| survey.used.contains(image))
            .map(|(_, diff_id)| *diff_id)
            .collect();
        let mut usage = DiskUsage {
            active: images
                .iter()
                .filter(|image| survey.used.contains(&image.id))
                .count() as u64,
            images,
            layer_bytes: 0,
            reclaimable_layer_bytes: 0,
            unpacked_bytes: 0,
            blob_bytes: 0,
            reclaimable_blob_bytes: 0,
            unfinished_bytes: 0,
        };
        for (diff_id, (size, unpacked)) in &survey.layers {
            usage.layer_bytes += size;
            usage.unpacked_bytes += unpacked;
            if !kept_layers.contains(diff_id) {
                usage.reclaimable_layer_bytes += size;
            }
        }
        for blob in self.shared.blobs.list()? {
            // It may be deleted at this very moment.
            let size = self.shared.blobs.contains(&blob)?.unwrap_or(0);
            usage.blob_bytes += size;
            if !survey.kept_blobs.contains(&blob) {
                usage.reclaimable_blob_bytes += size;
            }
        }
        for download in self.shared.blobs.unfinished()? {
            usage.unfinished_bytes += download.size;
        }
        Ok(usage)
    }

    fn survey(&self) -> Result<Survey, UsageError> {
        self.shared.records.read(|session| {
            let mounts = self.living_mounts(session)?;
            let mut used = session.used_images()?;
            used.extend(mounts.iter().map(|mount| mount.image));
            let layers = session.layer_rows()?.into_iter();
            Ok(Survey {
                kept_blobs: session.blobs_of_images(&used)?,
                used,
                layers: layers
                    .map(|layer| (layer.diff_id, (layer.size, layer.unpacked_bytes)))
                    .collect(),
                layer_uses: session.layer_uses()?,
            })
        })
    }
}
