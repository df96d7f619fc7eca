//! `tag`: another name for an image.

use wharf_images::ResolvedBy;
use wharf_oci::{Algorithm, ImageQuery, Reference};
use wharf_transfer::ErrorKind;

use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

impl Engine {
    /// Gives the image that `source` means the name `target`, which has a tag or means `latest`. If another
    /// image had the name, it loses it.
    pub fn tag(&self, source: &ImageQuery, target: &Reference) -> Result<(), EngineError> {
        if target.digest().is_some() {
            let text = "refusing to create a tag with a digest reference";
            return Err(failure(ErrorKind::Invalid, text));
        }
        if target.repository().familiar() == Algorithm::Sha256.name() {
            let text = "refusing to create an ambiguous tag using digest algorithm as name";
            return Err(failure(ErrorKind::Invalid, text));
        }
        let target = target.clone().or_latest();
        let store = self.store()?;
        let found = store.resolve(source).map_err(classify)?;
        match found.by {
            // The new name points to the same index as the old one, so that a push keeps its digest.
            ResolvedBy::Name(name) => store.tag(&name.name, &target).map(drop).map_err(classify),
            ResolvedBy::Digest | ResolvedBy::Prefix => {
                let image = found.image;
                let manifest = image
                    .manifests
                    .iter()
                    .find(|m| m.digest == *image.manifest.digest());
                let descriptor = manifest.ok_or_else(|| {
                    let text = format!("image {} has no manifest in the store", image.id);
                    failure(ErrorKind::Corrupt, text)
                })?;
                let named = store.set_name(&target, descriptor, image.manifest, image.id);
                named.map(drop).map_err(classify)
            }
        }
    }
}
