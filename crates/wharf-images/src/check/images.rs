//! Records of images and names against the documents and layers that they were made from.

use wharf_oci::{
    Algorithm, Descriptor, DiffId, Digest, ImageConfig, ImageId, Manifest, ParsedManifest,
    RawManifest, Reference,
};

use super::problem::Problem;
use super::run::{Check, CheckError};
use crate::images::{ImageRecord, RecordImageError};
use crate::layers::LayerRecord;
use crate::records::{Durability, RecordsError};
use crate::store::ImageStore;

/// An image as its stored documents tell it.
pub(super) struct Documents {
    pub(super) raw: RawManifest,
    pub(super) manifest: Manifest,
    pub(super) config: ImageConfig,
}

/// Why documents do not make an image.
pub(super) enum DocumentFault {
    Missing(Digest),
    Bad(Digest, String),
}

impl Check<'_> {
    /// Every image has its content, and its record says what its documents say.
    pub(super) fn images(&mut self) -> Result<(), CheckError> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the lifetime needs it"
        )]
        let rows = self
            .store
            .shared
            .records
            .read::<_, RecordsError>(|session| session.images())?;
        for row in rows {
            // Removed by another process in the meantime.
            let Some(image) = self.store.image(row.id)? else {
                continue;
            };
            self.image(&image)?;
        }
        Ok(())
    }

    fn image(&mut self, image: &ImageRecord) -> Result<(), CheckError> {
        self.report.images += 1;
        let names: Vec<Reference> = image.names.iter().map(|name| name.name.clone()).collect();
        let missing = |digest| Problem::MissingBlob {
            digest,
            image: image.id,
            names: names.clone(),
        };
        let documents = match read_documents(self.store, image.manifest.digest())? {
            Ok(documents) => documents,
            Err(DocumentFault::Missing(digest)) => {
                self.found(missing(digest));
                return Ok(());
            }
            Err(DocumentFault::Bad(digest, reason)) => {
                self.found(Problem::BadDocument {
                    digest,
                    image: image.id,
                    reason,
                });
                return Ok(());
            }
        };
        for blob in &documents.manifest.layers {
            if self.store.shared.blobs.contains(&blob.digest)?.is_none() {
                self.found(missing(blob.digest));
            }
        }
        if let Some(layers) = self.layers_of(&documents)?
            && !says_the_same(image, &documents, &layers)
        {
            self.found(Problem::WrongImageRecord(image.id));
            if self.repair {
                self.record_again(image.id, &documents, &layers)?;
            }
        }
        Ok(())
    }

    /// The layers of the image, if all are there.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "a step of the check as the others are"
    )]
    fn layers_of(
        &self,
        documents: &Documents,
    ) -> Result<Option<Vec<(Descriptor, LayerRecord)>>, CheckError> {
        let mut layers = Vec::new();
        let pairs = documents
            .manifest
            .layers
            .iter()
            .zip(documents.config.diff_ids());
        for (blob, diff_id) in pairs {
            // What is missing was told when the layers were looked at.
            let Ok(Some(layer)) = self.store.known_layer(*diff_id) else {
                return Ok(None);
            };
            layers.push((blob.clone(), layer));
        }
        Ok(Some(layers))
    }

    fn record_again(
        &mut self,
        id: ImageId,
        documents: &Documents,
        layers: &[(Descriptor, LayerRecord)],
    ) -> Result<(), CheckError> {
        let parent = self.store.image(id)?.and_then(|image| image.parent);
        self.store
            .shared
            .records
            .write(Durability::Durable, |session| session.delete_image(id))?;
        let Documents { raw, config, .. } = documents;
        match self.store.record_present_image(raw, config, layers) {
            Ok(image) => {
                if parent.is_some() {
                    self.store.set_parent(image.id, parent)?;
                }
                self.repaired();
                Ok(())
            }
            Err(RecordImageError::Records(error)) => Err(error.into()),
            Err(error) => {
                self.found(Problem::CannotRestore {
                    manifest: *raw.digest().digest(),
                    reason: error.to_string(),
                });
                Ok(())
            }
        }
    }

    /// Every name points to an image.
    pub(super) fn names(&mut self) -> Result<(), CheckError> {
        let mut lost = Vec::new();
        for record in self.store.names()? {
            if self.store.image(record.image)?.is_none() {
                self.found(Problem::NameWithoutImage {
                    name: record.name.clone(),
                    image: record.image,
                });
                lost.push(record.name);
                if self.repair {
                    self.repaired();
                }
            }
        }
        if !self.repair {
            return Ok(());
        }
        let shared = &self.store.shared;
        shared.records.write(Durability::Durable, |session| {
            for name in &lost {
                session.delete_name(name)?;
            }
            Ok::<_, CheckError>(shared.write_journal(session)?)
        })
    }
}

/// Reads manifest and config. The outer error is the disk's, the inner one the documents'.
pub(super) fn read_documents(
    store: &ImageStore,
    manifest: &Digest,
) -> Result<Result<Documents, DocumentFault>, CheckError> {
    let bytes = match read_document(store, manifest)? {
        Ok(bytes) => bytes,
        Err(fault) => return Ok(Err(fault)),
    };
    let bad = |reason: String| Ok(Err(DocumentFault::Bad(*manifest, reason)));
    let raw = match RawManifest::new(bytes, None, manifest.algorithm()) {
        Ok(raw) => raw,
        Err(error) => return bad(error.to_string()),
    };
    let parsed = match raw.parse() {
        Ok(ParsedManifest::Manifest(parsed)) => *parsed,
        Ok(ParsedManifest::Index(_)) => return bad("it is an index".to_owned()),
        Err(error) => return bad(error.to_string()),
    };
    let bytes = match read_document(store, &parsed.config.digest)? {
        Ok(bytes) => bytes,
        Err(fault) => return Ok(Err(fault)),
    };
    Ok(match ImageConfig::parse(bytes) {
        Ok(config) if config.diff_ids().len() == parsed.layers.len() => Ok(Documents {
            raw,
            manifest: parsed,
            config,
        }),
        Ok(_) => Err(DocumentFault::Bad(
            parsed.config.digest,
            "it has another number of layers than the manifest".to_owned(),
        )),
        Err(error) => Err(DocumentFault::Bad(parsed.config.digest, error.to_string())),
    })
}

fn read_document(
    store: &ImageStore,
    digest: &Digest,
) -> Result<Result<Vec<u8>, DocumentFault>, CheckError> {
    use wharf_blobs::BlobError as E;
    match store.shared.blobs.read_document(digest) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(E::NotFound(_) | E::Corrupt { .. }) => Ok(Err(DocumentFault::Missing(*digest))),
        Err(error @ E::TooLarge { .. }) => Ok(Err(DocumentFault::Bad(*digest, error.to_string()))),
        Err(error) => Err(error.into()),
    }
}

fn says_the_same(
    image: &ImageRecord,
    documents: &Documents,
    layers: &[(Descriptor, LayerRecord)],
) -> bool {
    let config = &documents.config;
    let recorded: Vec<DiffId> = image.layers.iter().map(|layer| layer.diff_id).collect();
    let platform = config.platform();
    let id_by_manifest = documents.manifest.config.digest;
    image.id == config.id()
        && image.config == id_by_manifest
        && (id_by_manifest.algorithm() != Algorithm::Sha256 || id_by_manifest == *image.id.digest())
        && recorded == config.diff_ids()
        && image
            .layers
            .iter()
            .map(|layer| layer.chain_id)
            .eq(config.chain_ids())
        && image.size == layers.iter().map(|(_, layer)| layer.size).sum::<u64>()
        && image.created == config.created()
        && image.labels == config.labels().cloned().unwrap_or_default()
        && (
            &image.platform.os,
            &image.platform.architecture,
            &image.platform.variant,
        ) == (&platform.os, &platform.architecture, &platform.variant)
        && image
            .manifests
            .iter()
            .any(|manifest| manifest.digest == *image.manifest.digest())
}
