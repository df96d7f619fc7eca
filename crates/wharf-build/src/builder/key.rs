//! A step's key: a digest over everything that goes into it, each part with its name and length, so that no two inputs look
//! alike.

use std::collections::HashMap;

use wharf_oci::{Algorithm, Digest, Hasher};

/// Changes whenever steps come to something else from the same input.
const VERSION: u8 = 1;
/// Changes with the form in which parts are kept.
const KEPT_VERSION: u8 = 2;
/// How much is kept for comparison: of some 70,000 files.
const MAXIMUM_KEPT_BYTES: usize = 4 << 20;
/// Of longer values a digest is kept, and of that so much.
const KEPT_VALUE_BYTES: usize = 16;
/// Before each name and value that is kept.
const LENGTH_BYTES: usize = 4;

/// What goes into a key. It is hashed as it comes, and kept for comparison; of very many parts only the first.
#[derive(Debug, Clone)]
pub struct KeyFields {
    hasher: Hasher,
    kept: Vec<u8>,
    is_kept: bool,
}

impl Default for KeyFields {
    fn default() -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&[VERSION]);
        Self {
            hasher,
            kept: vec![KEPT_VERSION],
            is_kept: true,
        }
    }
}

impl KeyFields {
    /// Adds a part.
    pub fn push(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref().as_bytes(), value.as_ref());
        for part in [name, value] {
            self.hasher.update(&(part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
        if self.is_kept {
            self.keep(name, value);
        }
    }

    fn keep(&mut self, name: &[u8], value: &[u8]) {
        let digest = (value.len() > KEPT_VALUE_BYTES).then(|| Digest::of(value));
        let value = digest.as_ref().map_or(value, Digest::hash);
        let value = value.get(..KEPT_VALUE_BYTES).unwrap_or(value);
        let length = name.len() + value.len() + 2 * LENGTH_BYTES;
        self.is_kept = self.kept.len() + length <= MAXIMUM_KEPT_BYTES;
        if self.is_kept {
            for part in [name, value] {
                // Nothing so long is kept that its length would not fit.
                let length = u32::try_from(part.len()).unwrap_or_default();
                self.kept.extend(length.to_le_bytes());
                self.kept.extend_from_slice(part);
            }
        }
    }

    /// What is added from now on is not kept.
    pub(super) fn stop_keeping(&mut self) {
        self.is_kept = false;
    }

    /// Adds a part if there is one. That there is none says something, too, since names are hashed.
    pub fn push_some(&mut self, name: &str, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }

    /// The key.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// The parts as they are kept in the store; of very many only the first.
    pub fn encoded(&self) -> &[u8] {
        &self.kept
    }

    /// The names of parts that differ from those of an earlier key, as far as both are kept: changed or new, then those that only
    /// the other has. `None` if another version wrote it.
    pub fn differences(&self, earlier: &[u8]) -> Option<Vec<String>> {
        let (own, other) = (decoded(&self.kept)?, decoded(earlier)?);
        let own_values: HashMap<&str, &[u8]> = own.iter().copied().collect();
        let other_values: HashMap<&str, &[u8]> = other.iter().copied().collect();
        let mut names = Vec::new();
        for (name, value) in own {
            match other_values.get(name) {
                Some(before) if *before == value => {}
                Some(_) => names.push(format!("{name} changed")),
                None => names.push(format!("{name} is new")),
            }
        }
        for (name, _) in other {
            if !own_values.contains_key(name) {
                names.push(format!("{name} is gone"));
            }
        }
        Some(names)
    }
}

/// A name and a value.
type Part<'a> = (&'a str, &'a [u8]);

/// Reads what [`KeyFields::encoded`] gave; `None` for what another version wrote.
fn decoded(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != KEPT_VERSION {
        return None;
    }
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let mut part = || {
            let (length, behind) = rest.split_first_chunk::<LENGTH_BYTES>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (value, behind) = behind.split_at_checked(length)?;
            rest = behind;
            Some(value)
        };
        fields.push((std::str::from_utf8(part()?).ok()?, part()?));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(parts: &[(&str, &str)]) -> KeyFields {
        let mut fields = KeyFields::default();
        for (name, value) in parts {
            fields.push(*name, value);
        }
        fields
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let one = fields(&[("a", "b"), ("c", "")]);
        for other in [
            fields(&[("a", "bc")]),
            fields(&[("ab", ""), ("c", "")]),
            fields(&[("c", ""), ("a", "b")]),
            fields(&[("a", "b")]),
        ] {
            assert_ne!(one.digest(), other.digest());
        }
        assert_eq!(one.digest(), fields(&[("a", "b"), ("c", "")]).digest());
    }

    #[test]
    fn parts_are_kept_and_compared() {
        let one = fields(&[("a", "b"), ("c", "d"), ("g", "h")]);
        let other = fields(&[("a", "x"), ("e", "f"), ("g", "h")]);
        let found = one.differences(other.encoded()).unwrap();
        assert_eq!(found, ["a changed", "c is new", "e is gone"]);
        assert_eq!(one.differences(one.encoded()), Some(Vec::new()));
        assert_eq!(one.differences(&[9]), None);
        assert_eq!(one.differences(&[KEPT_VERSION, 0]), None);
    }

    #[test]
    fn of_very_many_parts_the_first_are_kept() {
        let large = "x".repeat(MAXIMUM_KEPT_BYTES / 2);
        let first = [(large.as_str(), "b"), ("c", "d"), (large.as_str(), "e")];
        let one = fields(&first);
        assert!(one.encoded().len() < MAXIMUM_KEPT_BYTES);
        let other = fields(&first[..2]);
        assert_eq!(one.encoded(), other.encoded());
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.differences(other.encoded()), Some(Vec::new()));
    }

    #[test]
    fn of_long_values_a_digest_is_kept() {
        let value = |last: char| "long ".repeat(100) + &last.to_string();
        let one = fields(&[("a", &value('1'))]);
        assert!(one.encoded().len() < 100);
        let other = fields(&[("a", &value('2'))]);
        let found = one.differences(other.encoded()).unwrap();
        assert_eq!(found, ["a changed"]);
    }
}
