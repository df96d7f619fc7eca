//! Storage in an S3-compatible service.
//!
//! ```text
//! <prefix>/
//!   format                                what this storage is, and in which version
//!   uploads/<key>/<unique>                what an upload has beyond its last part, between two requests
//!   blobs/<algorithm>/<2 hex>/<hex>.<key> finished blobs that came within one part
//!   blobs/multipart.<key>                 finished larger ones: multipart uploads to this, their final key
//!   digests/blobs/multipart.<key>/<algorithm>/<hex>
//!                                         empty; says which digest the blob at that key has
//!   records/...                           small documents
//! ```
//!
//! A larger blob's key is chosen before its digest is known, and nothing is copied or renamed afterwards. Its digest stands
//! in a sidecar that is found from the key alone, so that whoever deletes an object by its key deletes that too.

mod client;
mod config;
mod failure;
pub mod fuzzing;
mod notes;
mod part;
mod requests;
mod secret;
mod storage;
mod writer;

pub use config::{S3Config, S3ConfigError, S3Credentials};
pub use secret::{Secret, SecretError, SecretFile, SecretVariable};
pub use storage::S3Storage;
pub(crate) use writer::S3Writer;
