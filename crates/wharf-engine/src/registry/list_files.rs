//! Manifest lists that are in the making, in the files that Docker keeps them in: a folder for each list, and in it a
//! file for each manifest. Docker and Wharf can take turns at the same list.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use wharf_blobs::write_file;
use wharf_oci::{Descriptor, MANIFEST_LIMIT_BYTES, RawManifest, Reference};

use super::error::ManifestListError;
use super::reading::ImageManifest;

/// The manifest is in a file twice: as it is, and in base64.
const FILE_LIMIT_BYTES: u64 = 3 * MANIFEST_LIMIT_BYTES as u64;

/// The manifest lists of one user: `manifests` in the folder of Docker's `config.json`.
#[derive(Debug, Clone)]
pub struct ManifestLists {
    folder: PathBuf,
}

#[derive(Deserialize)]
struct MemberFile {
    #[serde(rename = "Ref")]
    reference: String,
    #[serde(rename = "Descriptor")]
    descriptor: Descriptor,
    #[serde(rename = "Raw")]
    raw: String,
}

impl ManifestLists {
    /// The lists in `folder`, which need not exist.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The manifests of a list in the order of their names.
    ///
    /// # Errors
    /// [`ManifestListError::NoSuchList`], or a file that cannot be read or holds no manifest.
    pub fn members(&self, list: &Reference) -> Result<Vec<ImageManifest>, ManifestListError> {
        let folder = self.list_folder(list);
        let mut files = match files(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestListError::NoSuchList(Box::new(list.clone())));
            }
            Err(source) => {
                let path = folder;
                return Err(ManifestListError::Io { path, source });
            }
        };
        files.sort();
        files.iter().map(|path| read(path)).collect()
    }

    /// The manifest that the list has under the name `image`, if it has one.
    pub fn member(
        &self,
        list: &Reference,
        image: &Reference,
    ) -> Result<Option<ImageManifest>, ManifestListError> {
        match read(&self.member_file(list, image)) {
            Ok(member) => Ok(Some(member)),
            Err(ManifestListError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is a list of this name.
    pub fn exists(&self, list: &Reference) -> bool {
        self.list_folder(list).is_dir()
    }

    /// Puts a manifest into a list under the name `image`; the list begins with its first manifest.
    pub fn put(
        &self,
        list: &Reference,
        image: &Reference,
        member: &ImageManifest,
    ) -> Result<(), ManifestListError> {
        let document = member.to_json()?;
        let path = self.member_file(list, image);
        let written = fs::create_dir_all(self.list_folder(list))
            .and_then(|()| write_file(&path, &document, 0o644));
        written.map_err(|source| ManifestListError::Io { path, source })
    }

    /// Forgets a list.
    pub fn remove(&self, list: &Reference) -> Result<(), ManifestListError> {
        let path = self.list_folder(list);
        fs::remove_dir_all(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ManifestListError::NoSuchList(Box::new(list.clone())),
            _ => ManifestListError::Io { path, source },
        })
    }

    fn list_folder(&self, list: &Reference) -> PathBuf {
        self.folder.join(file_name(list))
    }

    fn member_file(&self, list: &Reference, image: &Reference) -> PathBuf {
        self.list_folder(list).join(file_name(image))
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// The name of a reference's folder or file. A reference has neither `..` nor a dot in front.
fn file_name(reference: &Reference) -> String {
    reference.to_string().replace(':', "-").replace('/', "_")
}

fn read(path: &Path) -> Result<ImageManifest, ManifestListError> {
    let content = content(path).map_err(|source| ManifestListError::Io {
        path: path.to_owned(),
        source,
    })?;
    decode(&content).map_err(|source| ManifestListError::Damaged {
        path: path.to_owned(),
        source,
    })
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(FILE_LIMIT_BYTES)
        .read_to_end(&mut content)?;
    Ok(content)
}

fn decode(content: &[u8]) -> Result<ImageManifest, Box<dyn std::error::Error + Send + Sync>> {
    let file: MemberFile = serde_json::from_slice(content)?;
    let reference: Reference = file.reference.parse()?;
    let digest = file.descriptor.digest;
    let bytes = BASE64_STANDARD.decode(file.raw)?;
    let raw = RawManifest::new(bytes, Some(&file.descriptor.media_type), digest.algorithm())?;
    let actual = *raw.digest().digest();
    if actual != digest {
        return Err(Box::new(ManifestListError::WrongDigest {
            reference: Box::new(reference),
            expected: digest,
            actual,
        }));
    }
    Ok(ImageManifest {
        reference,
        descriptor: file.descriptor,
        raw,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_docker_names_them() {
        let table = [
            ("alpine", "docker.io_library_alpine-latest"),
            ("127.0.0.1:5000/a/b:1.0", "127.0.0.1-5000_a_b-1.0"),
        ];
        for (name, expected) in table {
            let name: Reference = name.parse().expect("a reference");
            assert_eq!(file_name(&name.or_latest()), expected);
        }
    }
}
