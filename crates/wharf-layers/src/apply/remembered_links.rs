//! Remembered metadata of what cannot carry it itself, by path, while a layer is unpacked.

use std::collections::BTreeMap;

use super::path::below;
use super::remembered::{RememberedEntry, RememberedMetadata};

#[derive(Debug, Default)]
pub(super) struct RememberedLinks(BTreeMap<Vec<u8>, RememberedMetadata>);

impl RememberedLinks {
    pub(super) fn insert(&mut self, path: &[u8], metadata: RememberedMetadata) {
        self.0.insert(path.to_vec(), metadata);
    }

    pub(super) fn get(&self, path: &[u8]) -> Option<&RememberedMetadata> {
        self.0.get(path)
    }

    /// Forgets `path` and what lies below it.
    pub(super) fn remove(&mut self, path: &[u8]) {
        if self.0.is_empty() {
            return;
        }
        self.0.remove(path);
        let inside = [path, b"/"].concat();
        let doomed: Vec<Vec<u8>> = self
            .0
            .range(inside..)
            .map(|(path, _)| path)
            .take_while(|other| below(other, path).is_some())
            .cloned()
            .collect();
        for path in doomed {
            self.0.remove(&path);
        }
    }

    /// All of them, sorted by path.
    pub(super) fn into_entries(self) -> Vec<RememberedEntry> {
        let entries = self.0.into_iter();
        entries
            .map(|(path, metadata)| RememberedEntry { path, metadata })
            .collect()
    }
}
