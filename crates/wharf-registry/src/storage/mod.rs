//! Where the bytes of blobs lie: a local folder, or S3-compatible object storage.
//!
//! An object's key is made for one upload and never used again, and the database maps the digest to it. So nothing is
//! renamed or copied where that is expensive, and deleting an old object can never hit a new one of the same digest.
//! Nothing here knows repositories, manifests or rights.

mod body;
mod error;
mod key;
mod local;
mod object;
mod registry_storage;
mod upload;

pub use body::BlobBody;
pub use error::StorageError;
pub use key::ObjectKey;
pub use local::LocalStorage;
pub(crate) use local::{disk_work, on_disk};
pub use object::fuzzing;
pub use object::{
    S3Config, S3ConfigError, S3Credentials, S3Storage, Secret, SecretError, SecretFile,
    SecretVariable,
};
pub use registry_storage::{ListedObject, ListedUpload, RegistryStorage, StorageRoom};
pub use upload::{FinishError, PendingUpload, StoredObject, UploadWriter};
