//! What the fuzz targets feed: the readers of what a service answers. No part of the crate's interface.

use super::failure::Failure;
use super::requests::{micros, next_markers, read_page};

/// A page of a list of unfinished uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadsPage {
    /// Their keys, the service's names for them, and when they began, in microseconds since 1970.
    pub uploads: Vec<(String, String, i64)>,
    /// The key and the name after which the next page begins, if there is one.
    pub next: Option<(String, String)>,
}

/// Reads the page after these markers.
pub fn uploads_page(answer: &[u8], key_marker: &str, id_marker: &str) -> Option<UploadsPage> {
    let page = read_page(answer).ok()?;
    let next = next_markers(&page, key_marker, id_marker);
    let uploads = page.uploads.into_iter();
    Some(UploadsPage {
        uploads: uploads
            .map(|entry| (entry.key, entry.upload_id, micros(&entry.initiated)))
            .collect(),
        next,
    })
}

/// Whether an upload is given up after an answer that has this text.
pub fn gives_up(text: &str) -> bool {
    let error = object_store::Error::Generic {
        store: "S3",
        source: text.into(),
    };
    matches!(
        Failure::from(error),
        Failure::NotFound | Failure::InvalidParts
    )
}
