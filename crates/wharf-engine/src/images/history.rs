//! `history`: how an image was made, newest step first.

use jiff::Timestamp;
use wharf_oci::{ImageId, ImageQuery, Reference};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// One step of an image's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// The image, where this step made one that is on this machine; Docker prints `<missing>` elsewhere.
    pub id: Option<ImageId>,
    /// When.
    pub created: Option<Timestamp>,
    /// By which command.
    pub created_by: String,
    /// Bytes of the layer it made; 0 where it made none.
    pub size: u64,
    /// A remark.
    pub comment: String,
    /// The names of `id`.
    pub names: Vec<Reference>,
}

impl Engine {
    /// The steps of the image, newest first. Where history and layers do not fit together, what is there is
    /// shown; nothing fails.
    pub fn history(&self, query: &ImageQuery) -> Result<Vec<HistoryRow>, EngineError> {
        let store = self.store_for_reading()?;
        let image = store.resolve(query).map_err(classify)?.image;
        let config = self.config(&image)?;
        let mut sizes = image.layers.iter().map(|layer| layer.size.unwrap_or(0));
        let mut rows: Vec<HistoryRow> = config
            .history()
            .iter()
            .map(|step| HistoryRow {
                id: None,
                created: step.created.as_deref().and_then(|text| text.parse().ok()),
                created_by: step.created_by.clone(),
                size: if step.empty_layer {
                    0
                } else {
                    sizes.next().unwrap_or(0)
                },
                comment: step.comment.clone(),
                names: Vec::new(),
            })
            .collect();
        rows.reverse();
        if let Some(newest) = rows.first_mut() {
            newest.id = Some(image.id);
            newest.names = tags(&image.names);
        }
        Ok(rows)
    }
}

fn tags(names: &[wharf_images::NameRecord]) -> Vec<Reference> {
    let tagged = names.iter().filter(|record| record.name.tag().is_some());
    tagged.map(|record| record.name.clone()).collect()
}
