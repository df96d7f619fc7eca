//! Mounted images: the union of an image's layers under one folder.

mod mounts;
mod namespace;
mod table;

pub use mounts::{LayerTrees, MountError, MountMode, Mounted, UnmountError};
pub use namespace::{NamespaceError, enter_mount_namespace, enter_user_namespace, mount_memory};
pub use table::MountsError;
