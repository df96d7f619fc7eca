//! A step's key: a digest over everything that goes into it, each part with its name and length, so that no two inputs look
//! alike.

use wharf_oci::{Algorithm, Digest, Hasher};

/// Changes whenever steps come to something else from the same input.
const VERSION: u8 = 1;
/// How much of the fields is kept for comparison.
const MAXIMUM_KEPT_BYTES: usize = 512 * 1024;

/// What goes into a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFields {
    fields: Vec<(String, Vec<u8>)>,
}

impl KeyFields {
    /// Adds a part.
    pub fn push(&mut self, name: impl Into<String>, value: impl AsRef<[u8]>) {
        self.fields.push((name.into(), value.as_ref().to_vec()));
    }

    /// Adds a part if there is one. That there is none says something, too, since names are hashed.
    pub fn push_some(&mut self, name: &str, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }

    /// The key.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&[VERSION]);
        for (name, value) in &self.fields {
            for part in [name.as_bytes(), value] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        hasher.finish()
    }

    /// The parts as they are kept in the store; of very many only the first.
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for (name, value) in &self.fields {
            if bytes.len() + name.len() + value.len() > MAXIMUM_KEPT_BYTES {
                break;
            }
            for part in [name.as_bytes(), value] {
                bytes.extend((part.len() as u64).to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// Reads what [`Self::encoded`] wrote; `None` for what another version wrote.
    pub fn decoded(bytes: &[u8]) -> Option<Self> {
        let (version, mut rest) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let mut part = || {
                let (length, behind) = rest.split_first_chunk::<8>()?;
                let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                let (value, behind) = behind.split_at_checked(length)?;
                rest = behind;
                Some(value.to_vec())
            };
            let name = String::from_utf8(part()?).ok()?;
            fields.push((name, part()?));
        }
        Some(Self { fields })
    }

    /// The names of parts that differ, those of `self` first: changed or new, then those that only `other` has.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let value_in = |fields: &Self, name: &str| {
            let found = fields.fields.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let mut names = Vec::new();
        for (name, value) in &self.fields {
            match value_in(other, name) {
                Some(before) if before == *value => {}
                Some(_) => names.push(format!("{name} changed")),
                None => names.push(format!("{name} is new")),
            }
        }
        for (name, _) in &other.fields {
            if value_in(self, name).is_none() {
                names.push(format!("{name} is gone"));
            }
        }
        names
    }
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
        let one = fields(&[("a", "b"), ("c", "d")]);
        assert_eq!(KeyFields::decoded(&one.encoded()), Some(one.clone()));
        assert_eq!(KeyFields::decoded(&[9]), None);
        assert_eq!(KeyFields::decoded(&[1, 0]), None);
        let other = fields(&[("a", "x"), ("e", "f")]);
        assert_eq!(
            one.differences(&other),
            ["a changed", "c is new", "e is gone"]
        );
    }
}
