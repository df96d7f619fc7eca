//! Image archives: `manifest.json` of `docker save`, and OCI layouts.

use std::collections::BTreeMap;
use std::io::{self, Read};

use wharf_oci::{Digest, ImageConfig, Platform};
use wharf_transfer::{ArchiveFiles, ArchiveImage, read_contents};

/// Files in memory. A fuzzer cannot guess digests: the path `blobs/sha256/#3` is that of the third file's real digest, and
/// `#3` and `#3.size` in a document stand for its digest and length.
struct Files(BTreeMap<String, Vec<u8>>);

/// What begins a file: a line with its path behind this.
const HEADING: &str = "=== ";
const FILE_LIMIT: usize = 16;

/// Takes the bytes for the files of an archive, each with a heading.
pub(crate) fn check(bytes: &[u8]) {
    let files = Files::read(&String::from_utf8_lossy(bytes));
    for platform in ["linux/amd64", "linux/arm64/v8"] {
        let platform: Platform = platform.parse().expect("a platform");
        match read_contents(&files, &platform) {
            Ok(images) => images.iter().for_each(|image| check_image(&files, image)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn check_image(files: &Files, image: &ArchiveImage) {
    let config = ImageConfig::parse(image.config.clone()).expect("a config was checked");
    assert_eq!(
        config.diff_ids().len(),
        image.layers.len(),
        "as many layers as the config says"
    );
    for layer in &image.layers {
        assert!(
            files.size(&layer.path).is_some(),
            "a layer that is not there: {}",
            layer.path
        );
    }
    for name in &image.names {
        assert!(!name.is_name_only(), "a name without a tag: {name}");
    }
    let Some(manifest) = &image.manifest else {
        return;
    };
    for raw in std::iter::once(&manifest.manifest).chain(&manifest.index) {
        let path = wharf_transfer::blob_path(raw.digest().digest());
        assert_eq!(
            files.0.get(&path).map(Vec::as_slice),
            Some(raw.bytes()),
            "not what lies there"
        );
    }
}

impl Files {
    fn read(text: &str) -> Self {
        let mut files = BTreeMap::new();
        let mut digests: Vec<(String, usize)> = Vec::new();
        let parts = text.split(HEADING).skip(1).take(FILE_LIMIT);
        for part in parts {
            let (path, content) = part.split_once('\n').unwrap_or((part, ""));
            let content = content.strip_suffix('\n').unwrap_or(content);
            let content = with_digests(content, &digests).into_bytes();
            let digest = Digest::of(&content).hex();
            digests.push((digest.clone(), content.len()));
            let path = path.replace(&format!("#{}", digests.len()), &digest);
            files.insert(path, content);
        }
        Self(files)
    }
}

/// Highest numbers first, so that `#1` does not take the start of `#10`.
fn with_digests(content: &str, digests: &[(String, usize)]) -> String {
    let mut content = content.to_owned();
    for (index, (digest, size)) in digests.iter().enumerate().rev() {
        content = content.replace(&format!("\"#{}.size\"", index + 1), &size.to_string());
        content = content.replace(&format!("#{}", index + 1), digest);
    }
    content
}

impl ArchiveFiles for Files {
    fn size(&self, path: &str) -> Option<u64> {
        self.0.get(path).map(|content| content.len() as u64)
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        let content = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(content.as_slice()))
    }
}
