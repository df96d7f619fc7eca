//! Mounted images: the union of an image's layers under one folder.

mod mounts;
mod table;

pub use mounts::{LayerTrees, MountError, MountMode, Mounted, UnmountError};
pub use table::MountsError;
