//! The name of an object in storage.

use std::fmt;

use wharf_oci::Digest;

use crate::random;

/// Longest key, in bytes (S3 allows 1,024, and a prefix may come before it).
const KEY_LIMIT_BYTES: usize = 900;

/// A relative path of plain components: letters, digits, `.`, `_`, `-`, `%`, with `/` between them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// A new key for bytes whose digest is not known yet, never used before.
    pub fn unique() -> Self {
        Self(random::uuid())
    }

    /// The key of a blob whose digest is known; `unique` keeps it apart from others of the same digest.
    pub fn of_blob(digest: &Digest, unique: &Self) -> Self {
        let hex = digest.hex();
        let (fan_out, _) = hex.split_at(2);
        Self(format!(
            "blobs/{}/{fan_out}/{hex}.{}",
            digest.algorithm().name(),
            unique.0
        ))
    }

    /// Takes a key from the database or a listing; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |component: &str| {
            !component.is_empty()
                && component != "."
                && component != ".."
                && component
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-%".contains(&byte))
        };
        (text.len() <= KEY_LIMIT_BYTES && text.split('/').all(is_plain))
            .then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest in the key of [`ObjectKey::of_blob`].
    pub fn blob_digest(&self) -> Option<Digest> {
        let (algorithm, rest) = self.0.strip_prefix("blobs/")?.split_once('/')?;
        let (_, name) = rest.split_once('/')?;
        let (hex, _) = name.split_once('.')?;
        format!("{algorithm}:{hex}").parse().ok()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_keys() {
        for good in ["a", "blobs/sha256/ab/abc.1-2", "records/x%2Fy"] {
            assert_eq!(ObjectKey::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(KEY_LIMIT_BYTES + 1);
        for bad in ["", "/a", "a/", "a//b", "../a", "a/./b", "a b", "a\0", &long] {
            assert!(ObjectKey::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_blob_key_tells_its_digest() {
        let digest = Digest::of(b"x");
        let key = ObjectKey::of_blob(&digest, &ObjectKey::unique());
        assert_eq!(ObjectKey::parse(key.as_str()), Some(key.clone()));
        assert_eq!(key.blob_digest(), Some(digest));
        assert_eq!(ObjectKey::unique().blob_digest(), None);
    }
}
