//! The identities of an image's parts. All are digests; each is the digest of something else, so
//! each is a type of its own and none can stand in for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Algorithm, Digest, DigestError, Hasher};

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Digest);

        impl $name {
            /// Says that `digest` is of this kind.
            pub fn new(digest: Digest) -> Self {
                Self(digest)
            }

            /// The plain digest.
            pub fn digest(&self) -> &Digest {
                &self.0
            }

            /// The first 12 hex digits: the short form that Docker prints.
            pub fn short(&self) -> String {
                self.0.short()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                text.parse().map(Self)
            }
        }
    };
}

id_type! {
    /// Identity of an image: the digest of its config document. What `images` and `inspect` print.
    ImageId
}
id_type! {
    /// Digest of a manifest or of an index: what stands behind the `@` of a name.
    ManifestDigest
}
id_type! {
    /// Digest of a layer's uncompressed tar (OCI image specification, "Layer `DiffID`").
    DiffId
}
id_type! {
    /// Identity of a stack of layers from the base up (OCI image specification, "Layer `ChainID`").
    ChainId
}

impl ChainId {
    /// The chain of a base layer alone: its diff ID.
    pub fn base(layer: DiffId) -> Self {
        Self(layer.0)
    }

    /// The chain of `self` with `layer` put on top: the SHA-256 of both, joined by a space.
    #[must_use]
    pub fn with(self, layer: DiffId) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(format!("{self} {layer}").as_bytes());
        Self(hasher.finish())
    }

    /// The chains of `layers`, from the base up: one for each layer.
    pub fn of_layers(layers: &[DiffId]) -> Vec<Self> {
        let mut chains: Vec<Self> = Vec::with_capacity(layers.len());
        for layer in layers {
            let chain = chains
                .last()
                .map_or_else(|| Self::base(*layer), |below| below.with(*layer));
            chains.push(chain);
        }
        chains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the OCI image specification: ChainID(A, B) = Digest(A + " " + B).
    #[test]
    fn chains_are_hashed_pairwise() {
        let a = DiffId::new(Digest::of(b"a"));
        let b = DiffId::new(Digest::of(b"b"));
        let c = DiffId::new(Digest::of(b"c"));
        let ab = Digest::of(format!("{a} {b}").as_bytes());
        let abc = Digest::of(format!("{ab} {c}").as_bytes());
        let expected = [*a.digest(), ab, abc].map(ChainId::new);
        assert_eq!(ChainId::of_layers(&[a, b, c]), expected);
        assert_eq!(ChainId::of_layers(&[]), []);
    }
}
