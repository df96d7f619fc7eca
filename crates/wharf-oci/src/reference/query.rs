//! What a person may type to mean an image that is on this machine.

use super::name::{Reference, ReferenceError, is_image_id};
use crate::digest::Digest;

/// The start of an image's hex ID, at least one digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix(String);

impl IdPrefix {
    /// The hex digits, lower case.
    pub fn as_hex(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let is_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (is_hex && !hex.is_empty() && hex.len() <= 64).then(|| Self(hex.to_owned()))
    }
}

/// A text that means an image of this machine: tried as a name first, then as an ID
/// (moby `daemon/images/image.go`: a name wins over an ID prefix).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageQuery {
    /// A whole digest: of a config, a manifest or an index.
    Digest(Digest),
    /// A name, and the ID prefix that the same text could be.
    Name(Reference, Option<IdPrefix>),
    /// Only an ID prefix can be meant.
    Prefix(IdPrefix),
}

impl ImageQuery {
    /// Reads what was typed. A bare name means its tag `latest`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if let Ok(digest) = text.parse() {
            return Ok(Self::Digest(digest));
        }
        if is_image_id(text)
            && let Ok(digest) = format!("sha256:{text}").parse()
        {
            return Ok(Self::Digest(digest));
        }
        let prefix = IdPrefix::parse(text);
        match (text.parse::<Reference>(), prefix) {
            (Ok(reference), prefix) => Ok(Self::Name(reference.or_latest(), prefix)),
            (Err(_), Some(prefix)) => Ok(Self::Prefix(prefix)),
            (Err(error), None) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_also_be_an_id() {
        let hex = "ab".repeat(32);
        let digest = format!("sha256:{hex}");
        assert_eq!(
            ImageQuery::parse(&hex),
            Ok(ImageQuery::Digest(digest.parse().unwrap()))
        );
        assert_eq!(
            ImageQuery::parse(&digest),
            Ok(ImageQuery::Digest(digest.parse().unwrap()))
        );
        let name = "abcd".parse::<Reference>().unwrap().or_latest();
        let prefix = IdPrefix("abcd".to_owned());
        assert_eq!(
            ImageQuery::parse("abcd"),
            Ok(ImageQuery::Name(name, Some(prefix.clone())))
        );
        // `sha256:abcd` also is a name with a tag; Docker looks for the name first as well.
        let named = "sha256:abcd".parse::<Reference>().unwrap();
        assert_eq!(
            ImageQuery::parse("sha256:abcd"),
            Ok(ImageQuery::Name(named, Some(prefix)))
        );
        assert_eq!(ImageQuery::parse("a b"), Err(ReferenceError::Format));
    }
}
