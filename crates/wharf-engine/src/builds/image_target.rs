//! What an image of a build's result is like: names, media types, compression, annotations.

use std::collections::BTreeMap;

use wharf_oci::{Platform, RawManifest, Reference};

/// An image that a build makes of its result.
#[derive(Debug, Clone, Default)]
pub struct ImageTarget {
    /// Its names, with tags.
    pub names: Vec<Reference>,
    /// Whether it is recorded in the store, under its names.
    pub keeps: bool,
    /// Whether each name is also given with the digest: `name@sha256:...`.
    pub names_digest: bool,
    /// How its documents and layers are written.
    pub shape: ImageShape,
}

/// How the documents and layers of an image are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageShape {
    /// OCI's media types. Without it Docker's, unless something is in the image that those have no words for: annotations,
    /// attestations, zstd.
    pub oci: bool,
    /// How new layers are compressed; `None` as they are.
    pub compression: Option<LayerCompression>,
    /// Whether those of the base are compressed anew, too, where they are not compressed so.
    pub force_compression: bool,
    /// Free texts.
    pub annotations: Vec<ImageAnnotation>,
    /// Whether the image says of its own layers what they were made by, for later builds.
    pub inline_cache: bool,
    /// Attestations without `subject`, as `BuildKit` wrote them at first: found by the index alone.
    pub plain_attestations: bool,
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerCompression {
    /// Not at all.
    None,
    /// gzip, at a level from 1 to 9.
    Gzip(u32),
    /// zstd, at a level from 1 to 22.
    Zstd(i32),
}

/// Where an annotation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationPlace {
    /// In the image's manifest.
    Manifest,
    /// In the index.
    Index,
    /// In the index's entry for the image.
    ManifestDescriptor,
    /// In the entry of an OCI layout for the index.
    IndexDescriptor,
}

/// A free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageAnnotation {
    /// Where it is written.
    pub place: AnnotationPlace,
    /// Only for the image of this platform.
    pub platform: Option<Platform>,
    /// Its name.
    pub key: String,
    /// What it says.
    pub value: String,
}

/// A text is no annotation. The texts are those of buildx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageAnnotationError {
    /// No `=`.
    #[error("invalid annotation {0:?}, expected key=value")]
    NoValue(String),
    /// A place that is none.
    #[error("unknown annotation type {0:?}")]
    UnknownType(String),
    /// Brackets without a platform.
    #[error(transparent)]
    Platform(#[from] wharf_oci::PlatformError),
}

impl ImageTarget {
    /// Its names, and those with the digest if they are wanted.
    pub(super) fn names_with_digest(&self, root: &RawManifest) -> Vec<Reference> {
        let mut names = self.names.clone();
        if self.names_digest {
            let digest = *root.digest().digest();
            let with_digest = self
                .names
                .iter()
                .map(|name| name.repository().with_digest(digest));
            names.extend(with_digest);
        }
        names
    }
}

impl ImageAnnotation {
    /// Reads what `--annotation` takes: `[PLACE[[PLATFORM]][,PLACE...]:]KEY=VALUE`; without a place the manifest is meant.
    ///
    /// # Errors
    /// If the text is none.
    pub fn parse(text: &str) -> Result<Vec<Self>, ImageAnnotationError> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ImageAnnotationError::NoValue(text.to_owned()))?;
        let (places, key) = name.split_once(':').unwrap_or(("manifest", name));
        let mut annotations = Vec::new();
        for place in places.split(',') {
            let (place, platform) = place_of(place)?;
            annotations.push(Self {
                place,
                platform,
                key: key.to_owned(),
                value: value.to_owned(),
            });
        }
        Ok(annotations)
    }

    /// Reads an attribute of `--output`: `annotation[-PLACE][[PLATFORM]].KEY`; `None` if it is another attribute.
    ///
    /// # Errors
    /// If its place is none.
    pub fn parse_attribute(name: &str, value: &str) -> Result<Option<Self>, ImageAnnotationError> {
        let Some(rest) = name.strip_prefix("annotation") else {
            return Ok(None);
        };
        // a platform has no dot in it, a key has
        let Some((place, key)) = rest.split_once('.') else {
            return Ok(None);
        };
        let written = match place {
            place if place.starts_with('[') => format!("manifest{place}"),
            place => match place.strip_prefix('-') {
                Some(place) => place.to_owned(),
                None if place.is_empty() => "manifest".to_owned(),
                None => return Ok(None),
            },
        };
        let (place, platform) = place_of(&written)?;
        Ok(Some(Self {
            place,
            platform,
            key: key.to_owned(),
            value: value.to_owned(),
        }))
    }
}

fn place_of(text: &str) -> Result<(AnnotationPlace, Option<Platform>), ImageAnnotationError> {
    let (word, platform) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((word, platform)) => (word, Some(platform.parse::<Platform>()?)),
        None => (text, None),
    };
    let place = match word {
        "manifest" => AnnotationPlace::Manifest,
        "index" => AnnotationPlace::Index,
        "manifest-descriptor" => AnnotationPlace::ManifestDescriptor,
        "index-descriptor" => AnnotationPlace::IndexDescriptor,
        _ => return Err(ImageAnnotationError::UnknownType(word.to_owned())),
    };
    Ok((place, platform))
}

impl ImageShape {
    /// The annotations for one place, of one platform where it has one.
    pub(super) fn annotations_of(
        &self,
        place: AnnotationPlace,
        platform: Option<&Platform>,
    ) -> BTreeMap<String, String> {
        let meant = |annotation: &&ImageAnnotation| {
            annotation.place == place
                && (annotation.platform.is_none() || annotation.platform.as_ref() == platform)
        };
        let found = self.annotations.iter().filter(meant);
        found
            .map(|annotation| (annotation.key.clone(), annotation.value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read() {
        let arm = "linux/arm64".parse().unwrap();
        for (text, expected) in [
            (
                "a.b=c=d",
                vec![(AnnotationPlace::Manifest, None, "a.b", "c=d")],
            ),
            ("index:a=", vec![(AnnotationPlace::Index, None, "a", "")]),
            (
                "manifest[linux/arm64],index-descriptor:a=b",
                vec![
                    (AnnotationPlace::Manifest, Some(&arm), "a", "b"),
                    (AnnotationPlace::IndexDescriptor, None, "a", "b"),
                ],
            ),
        ] {
            let read = ImageAnnotation::parse(text).unwrap();
            let read: Vec<_> = read
                .iter()
                .map(|one| {
                    (
                        one.place,
                        one.platform.as_ref(),
                        one.key.as_str(),
                        one.value.as_str(),
                    )
                })
                .collect();
            assert_eq!(read, expected, "{text}");
        }
        for text in ["a", "layer:a=b", "manifest[x/y/z/w]:a=b"] {
            assert!(ImageAnnotation::parse(text).is_err(), "{text}");
        }
        for (name, expected) in [
            ("annotation.org.x", Some((AnnotationPlace::Manifest, false))),
            ("annotation-index.a", Some((AnnotationPlace::Index, false))),
            (
                "annotation[linux/arm64].a",
                Some((AnnotationPlace::Manifest, true)),
            ),
            ("name", None),
        ] {
            let read = ImageAnnotation::parse_attribute(name, "v").unwrap();
            assert_eq!(
                read.map(|one| (one.place, one.platform.is_some())),
                expected,
                "{name}"
            );
        }
    }
}
