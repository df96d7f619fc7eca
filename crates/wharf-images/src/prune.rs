//! `image prune`: removing every image that nobody asked to keep.

use jiff::Timestamp;

use crate::garbage::SweepError;
use crate::list::LabelFilter;
use crate::records::{Durability, ImageRow, Session};
use crate::remove::{Removal, RemoveError, RemoveEvent};
use crate::snapshots::Mounted;
use crate::store::ImageStore;

/// Which images to remove. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneFilter {
    /// Also images that have names; otherwise only those that have none.
    pub all: bool,
    /// Only images made before this time.
    pub until: Option<Timestamp>,
    /// Each label must be there.
    pub labels: Vec<LabelFilter>,
    /// None of these may be there.
    pub not_labels: Vec<LabelFilter>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Names and images, in order.
    pub events: Vec<RemoveEvent>,
    /// Sum of the sizes of the layers that are gone, in bytes: what Docker calls reclaimed space.
    pub reclaimed_bytes: u64,
    /// Bytes of manifests, configs and compressed layers that are gone too.
    pub blob_bytes: u64,
}

/// Why images could not be pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The records could not be changed: nothing was removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// Images are gone, but not all of their content could be deleted yet.
    #[error("{source}; what is left is deleted by the next `wharf system prune`")]
    Sweep {
        /// What was removed.
        events: Vec<RemoveEvent>,
        /// The cause.
        source: SweepError,
    },
}

impl ImageStore {
    /// Removes the images that `filter` means and that nothing uses. An image that is in use keeps
    /// all its names, and one that has only a digest for a name is not nameless (unlike in Docker).
    pub fn prune(&self, filter: &PruneFilter) -> Result<PruneReport, PruneError> {
        let (events, candidates) =
            self.shared
                .records
                .write::<_, RemoveError>(Durability::Durable, |session| {
                    let mounts = self.prepare_removal(session)?;
                    let mut images = session.images()?;
                    images.retain(|image| filter.matches(image));
                    // The youngest first: so whatever was built upon another goes before it.
                    images.sort_by(|a, b| b.made().cmp(&a.made()).then(a.id.cmp(&b.id)));
                    let mut removal = Removal::new(session, &mounts);
                    for image in &images {
                        if is_wanted(session, image, &mounts, filter)? {
                            continue;
                        }
                        removal.prune(image.id)?;
                    }
                    self.shared.write_journal(session)?;
                    Ok((removal.events, removal.candidates))
                })?;
        self.shared.step("prune: committed");
        match self.sweep(&candidates) {
            Ok(swept) => Ok(PruneReport {
                events,
                reclaimed_bytes: swept.layer_bytes,
                blob_bytes: swept.blob_bytes,
            }),
            Err(source) => Err(PruneError::Sweep { events, source }),
        }
    }
}

impl PruneFilter {
    fn matches(&self, image: &ImageRow) -> bool {
        let until = self
            .until
            .is_none_or(|limit| image.made().is_some_and(|created| created < limit));
        until
            && self.labels.iter().all(|label| label.matches(&image.labels))
            && !self
                .not_labels
                .iter()
                .any(|label| label.matches(&image.labels))
    }
}

// Asked again for each image: an earlier removal may have taken it, or its children.
fn is_wanted(
    session: &Session<'_>,
    image: &ImageRow,
    mounts: &[Mounted],
    filter: &PruneFilter,
) -> Result<bool, RemoveError> {
    if session.image(image.id)?.is_none() {
        return Ok(true);
    }
    let has_names = !session.names_of(image.id)?.is_empty();
    let is_used = !session.users_of(image.id)?.is_empty()
        || mounts.iter().any(|mount| mount.image == image.id);
    let is_intermediate = !has_names && !session.children(image.id)?.is_empty();
    Ok(is_used || is_intermediate || (has_names && !filter.all))
}
