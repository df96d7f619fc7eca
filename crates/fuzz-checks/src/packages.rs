//! Databases of package managers.

use wharf_scanner::{
    FilesError, ImageFiles, Inventory, SpdxSubject, inventory, rpm_packages, spdx_document,
};

/// An image in which every file holds the same.
struct SameEverywhere<'a>(&'a [u8]);

impl ImageFiles for SameEverywhere<'_> {
    fn read(&self, _path: &str, _limit: u64) -> Result<Option<Vec<u8>>, FilesError> {
        Ok(Some(self.0.to_vec()))
    }

    fn names(&self, _folder: &str) -> Result<Vec<String>, FilesError> {
        Ok(vec!["one".to_owned()])
    }
}

/// Whatever is found is sorted, each once, and makes a document whose identifiers are all different.
pub(crate) fn check(bytes: &[u8]) {
    if let Ok(packages) = rpm_packages(bytes) {
        assert!(packages.iter().all(|package| !package.name.is_empty()));
    }
    let found: Inventory = inventory(&SameEverywhere(bytes)).expect("memory can be read");
    assert!(found.packages.is_sorted());
    let subject = SpdxSubject {
        name: "image",
        created: "1970-01-01T00:00:00Z",
        tool: "fuzz",
    };
    let document = spdx_document(subject, &found);
    let packages = document["packages"].as_array().expect("a list");
    let mut identifiers: Vec<&str> = packages
        .iter()
        .filter_map(|package| package["SPDXID"].as_str())
        .collect();
    assert_eq!(identifiers.len(), packages.len());
    identifiers.sort_unstable();
    let count = identifiers.len();
    identifiers.dedup();
    assert_eq!(identifiers.len(), count, "identifiers are unique");
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    assert!(identifiers.iter().all(|one| one.bytes().all(clean)));
}
