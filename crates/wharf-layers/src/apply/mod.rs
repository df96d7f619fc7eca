//! Unpacks the archive of one layer into a directory that overlayfs can mount.
//!
//! - [`apply_layer`] (`unpack.rs`) reads the archive and knows where each entry belongs;
//! - `place.rs` decides what an entry means and puts it there;
//! - `checkpoints.rs` says from where an interrupted run can go on;
//! - `layer_tree.rs` remembers the layer's directories, links and whiteouts, and resolves paths;
//! - `directories.rs` holds the open directories that everything is created in;
//! - `create.rs` and `metadata.rs` make the system calls;
//! - `mapped_ids.rs` knows whom files can belong to;
//! - `remembered.rs` is the format of what an ordinary user cannot set.

mod checkpoints;
mod create;
mod directories;
mod error;
mod layer_tree;
mod mapped_ids;
mod metadata;
mod options;
mod path;
mod place;
mod remembered;
mod remembered_links;
mod unpack;

pub use error::{ApplyLayerError, EntryName};
pub use options::{AppliedLayer, ApplyCheckpoint, ApplyOptions, Flavour};
pub use remembered::{REMEMBERED_XATTR, RememberedEntry, RememberedMetadata};
pub use unpack::apply_layer;
