//! Mounted images: the union of an image's layers under one folder.

mod mounts;
mod namespace;
mod overlay;
mod table;

pub use mounts::{MountError, MountMode, Mounted, UnmountError};
pub use namespace::{NamespaceError, enter_user_namespace};
pub use overlay::OverlayError;
pub use table::MountsError;
