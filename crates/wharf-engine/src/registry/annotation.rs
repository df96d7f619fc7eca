//! What `imagetools create --annotation` says: `[index:|manifest-descriptor[PLATFORM]:]KEY=VALUE`.

use std::str::FromStr;

use wharf_oci::{Platform, PlatformError};

/// An annotation for a new index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Annotation {
    /// Of the index itself.
    Index {
        /// Its name.
        key: String,
        /// Its text.
        value: String,
    },
    /// Of the index's entries.
    Descriptor {
        /// Only of those for this platform.
        platform: Option<Platform>,
        /// Its name.
        key: String,
        /// Its text.
        value: String,
    },
}

/// Why a text is no annotation for a new index. The texts are those of buildx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// No `=`.
    #[error("invalid annotation {0:?}, expected key=value")]
    NoValue(String),
    /// Manifests stay as they are.
    #[error("{0:?} annotations are not supported yet")]
    Unsupported(String),
    /// An annotation that only a build can make.
    #[error("{0:?} annotations are invalid while creating an image")]
    Invalid(String),
    /// A word before the colon that says nothing.
    #[error("unknown annotation type {0:?}")]
    UnknownType(String),
    /// Brackets without a platform.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl FromStr for Annotation {
    type Err = AnnotationError;

    fn from_str(text: &str) -> Result<Self, AnnotationError> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| AnnotationError::NoValue(text.to_owned()))?;
        let (target, key) = name.split_once(':').unwrap_or(("manifest", name));
        let (kind, platform) = match target.strip_suffix(']').and_then(|t| t.split_once('[')) {
            Some((kind, platform)) => (kind, Some(platform.parse::<Platform>()?)),
            None => (target, None),
        };
        let (key, value) = (key.to_owned(), value.to_owned());
        match kind {
            "index" => Ok(Self::Index { key, value }),
            "manifest-descriptor" => Ok(Self::Descriptor {
                platform,
                key,
                value,
            }),
            "manifest" => Err(AnnotationError::Unsupported(kind.to_owned())),
            "index-descriptor" => Err(AnnotationError::Invalid(kind.to_owned())),
            _ => Err(AnnotationError::UnknownType(kind.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read() {
        let descriptor = |platform: Option<&str>| Annotation::Descriptor {
            platform: platform.map(|text| text.parse().expect("a platform")),
            key: "a.b".to_owned(),
            value: "c=d".to_owned(),
        };
        let index = Annotation::Index {
            key: "a.b".to_owned(),
            value: "c=d".to_owned(),
        };
        let table = [
            ("index:a.b=c=d", Ok(index)),
            ("manifest-descriptor:a.b=c=d", Ok(descriptor(None))),
            (
                "manifest-descriptor[linux/arm64]:a.b=c=d",
                Ok(descriptor(Some("linux/arm64"))),
            ),
            (
                "a.b=c",
                Err("\"manifest\" annotations are not supported yet"),
            ),
            (
                "index-descriptor:a=b",
                Err("\"index-descriptor\" annotations are invalid while creating an image"),
            ),
            ("image:a=b", Err("unknown annotation type \"image\"")),
            (
                "index:a",
                Err("invalid annotation \"index:a\", expected key=value"),
            ),
        ];
        for (text, expected) in table {
            let actual = text
                .parse::<Annotation>()
                .map_err(|error| error.to_string());
            assert_eq!(actual, expected.map_err(str::to_owned), "{text}");
        }
    }
}
