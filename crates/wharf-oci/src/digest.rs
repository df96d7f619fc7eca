//! Content digests: `sha256:<64 hex>` and `sha512:<128 hex>`.
//!
//! The grammar is the one of the OCI image specification ("Descriptors", section "Digests"); the
//! registered algorithms are the ones accepted, and the hex part is lower case and of exact length.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256, Sha512};

/// A hash algorithm that a digest may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, the algorithm of practically all content.
    Sha256,
    /// SHA-512, allowed by the OCI specifications.
    Sha512,
}

impl Algorithm {
    /// The name used in digests and in the store's folder names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the raw hash in bytes.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The algorithm called `name`, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// The digest of some bytes: an algorithm and its raw hash. Small and copied freely.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    // The hash in the first `algorithm.size_bytes()` bytes, zero behind them.
    bytes: [u8; 64],
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `algorithm:hex` form, or a character outside its grammar.
    #[error("invalid checksum digest format")]
    Format,
    /// The algorithm is not one that Wharf can verify.
    #[error("unsupported digest algorithm")]
    UnsupportedAlgorithm,
    /// The hex part is too short or too long for the algorithm.
    #[error("invalid checksum digest length")]
    Length,
}

impl Digest {
    /// The digest with `algorithm` whose raw hash is `hash`; `None` if the length is not the algorithm's.
    pub fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Option<Self> {
        if hash.len() != algorithm.size_bytes() {
            return None;
        }
        let mut bytes = [0; 64];
        bytes
            .iter_mut()
            .zip(hash)
            .for_each(|(to, from)| *to = *from);
        Some(Self { algorithm, bytes })
    }

    /// Hashes `content` with SHA-256.
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(content);
        hasher.finish()
    }

    /// Hashes `content` with this digest's algorithm and compares.
    pub fn matches(&self, content: &[u8]) -> bool {
        let mut hasher = Hasher::new(self.algorithm);
        hasher.update(content);
        hasher.finish() == *self
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw hash.
    pub fn hash(&self) -> &[u8] {
        self.bytes
            .get(..self.algorithm.size_bytes())
            .unwrap_or(&self.bytes)
    }

    /// The hash in lower-case hex, without the algorithm.
    pub fn hex(&self) -> String {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
        let bytes = self.hash().iter();
        bytes
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
            .collect()
    }

    /// The first 12 hex digits: the short form that Docker prints.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::Format)?;
        let algorithm = Algorithm::from_name(name).ok_or_else(|| unknown_algorithm(name))?;
        if !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::Format);
        }
        if hex.len() != algorithm.size_bytes() * 2 {
            return Err(DigestError::Length);
        }
        let mut bytes = [0; 64];
        for (to, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *to = pair
                .iter()
                .fold(0, |value, digit| value << 4 | hex_value(*digit));
        }
        Ok(Self { algorithm, bytes })
    }
}

// `sha384:` is well formed but cannot be verified here; `!:` is not a digest at all.
fn unknown_algorithm(name: &str) -> DigestError {
    let well_formed = !name.is_empty()
        && name.split(['+', '.', '_', '-']).all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    if well_formed {
        DigestError::UnsupportedAlgorithm
    } else {
        DigestError::Format
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'0'),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes a digest while bytes stream by; its state can be saved and taken up by another process.
#[derive(Clone)]
pub struct Hasher {
    state: State,
}

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

/// A saved [`Hasher`], as bytes to write to disk. Valid for the same version of Wharf's store format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HasherState(Vec<u8>);

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Box::new(Sha512::new())),
        };
        Self { state }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, content: &[u8]) {
        match &mut self.state {
            State::Sha256(hasher) => hasher.update(content),
            State::Sha512(hasher) => hasher.update(content),
        }
    }

    /// The digest of all bytes seen.
    pub fn finish(self) -> Digest {
        match self.state {
            State::Sha256(hasher) => finished(Algorithm::Sha256, &hasher.finalize()),
            State::Sha512(hasher) => finished(Algorithm::Sha512, &hasher.finalize()),
        }
    }

    /// The state after the bytes seen so far.
    pub fn save(&self) -> HasherState {
        let bytes = match &self.state {
            State::Sha256(hasher) => hasher.serialize().to_vec(),
            State::Sha512(hasher) => hasher.serialize().to_vec(),
        };
        HasherState(bytes)
    }

    /// Continues from a saved state; `None` if `state` is not one of `algorithm`.
    pub fn resume(algorithm: Algorithm, state: &HasherState) -> Option<Self> {
        let bytes = state.as_bytes();
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::deserialize(bytes.try_into().ok()?).ok()?),
            Algorithm::Sha512 => {
                State::Sha512(Box::new(Sha512::deserialize(bytes.try_into().ok()?).ok()?))
            }
        };
        Some(Self { state })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match &self.state {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha512(_) => Algorithm::Sha512,
        };
        f.debug_struct("Hasher")
            .field("algorithm", &algorithm)
            .finish_non_exhaustive()
    }
}

impl HasherState {
    /// A state read back from disk.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to write to disk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn finished(algorithm: Algorithm, hash: &[u8]) -> Digest {
    let mut bytes = [0; 64];
    bytes
        .iter_mut()
        .zip(hash)
        .for_each(|(to, from)| *to = *from);
    Digest { algorithm, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn prints_what_it_parsed() {
        let long = format!("sha512:{}", "0f".repeat(64));
        for text in [EMPTY, &long] {
            assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_not_a_digest() {
        let upper = EMPTY.to_uppercase().replace("SHA256", "sha256");
        let short = EMPTY.strip_suffix('5').unwrap();
        for (text, expected) in [
            ("", DigestError::Format),
            ("sha256", DigestError::Format),
            ("sha256:", DigestError::Length),
            (upper.as_str(), DigestError::Format),
            (short, DigestError::Length),
            ("sha384:00", DigestError::UnsupportedAlgorithm),
            ("!:00", DigestError::Format),
            (":00", DigestError::Format),
            ("sha256:zz", DigestError::Format),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_saved_hasher_continues() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for cut in [0, 1, 63, 64, 65, 127, 128, 129, 1000] {
                let content = vec![7; 1000];
                let (head, tail) = content.split_at(cut);
                let mut whole = Hasher::new(algorithm);
                whole.update(&content);
                let mut first = Hasher::new(algorithm);
                first.update(head);
                let saved = HasherState::from_bytes(first.save().as_bytes().to_vec());
                let mut second = Hasher::resume(algorithm, &saved).unwrap();
                second.update(tail);
                assert_eq!(
                    second.finish(),
                    whole.finish(),
                    "{algorithm:?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn a_state_of_the_wrong_length_is_refused() {
        let state = HasherState::from_bytes(vec![1, 2, 3]);
        assert!(Hasher::resume(Algorithm::Sha256, &state).is_none());
    }

    #[test]
    fn short_is_twelve_digits() {
        assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
        assert!(Digest::of(b"").matches(b""));
    }
}
