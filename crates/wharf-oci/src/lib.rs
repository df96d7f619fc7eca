//! The vocabulary of container images.
//!
//! Names, digests, identifiers, media types, manifests, indexes, image configs and platforms:
//! everything that is only *words* and needs no disk and no network. Text and bytes that came from
//! outside become one of these types on the first line after input, and are checked there.
//!
//! Documents are kept as the bytes that were received ([`RawManifest`], [`ImageConfig`]): what is
//! parsed is a view, and what is stored, hashed and sent again is always the original.

mod config;
mod descriptor;
mod digest;
mod ids;
mod index;
mod manifest;
mod media_type;
mod platform;
mod reference;

pub use config::{ContainerConfig, HealthConfig, History, ImageConfig, ImageConfigError, RootFs};
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError, Hasher, HasherState};
pub use ids::{ChainId, DiffId, ImageId, ManifestDigest};
pub use index::Index;
pub use manifest::{MANIFEST_LIMIT_BYTES, Manifest, ManifestError, ParsedManifest, RawManifest};
pub use media_type::{MediaType, MediaTypeKind};
pub use platform::{Platform, PlatformError, PlatformMatcher};
pub use reference::{
    IdPrefix, ImageQuery, PatternError, Reference, ReferenceError, ReferencePattern, Repository,
    Tag,
};
