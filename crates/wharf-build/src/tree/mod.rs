//! File trees that builds read: contexts, images and stages, archives, single files.
//!
//! All look alike: [`FileTree`]. Paths in a tree are bytes, relative, clean, and empty for the root; nothing in front of their
//! last name is a symbolic link. [`resolve`] makes such a path of what people write, within the tree, whatever links say.

mod folder;
mod layers;
mod listing;
mod memory;
mod node;
mod path;

pub use folder::{FolderTree, Modes};
pub use layers::{KnownLayers, LayersTree};
pub use listing::LayerListing;
pub use memory::{MemoryTree, SharedFile};
pub use node::{FileTree, Lookup, Node, NodeKind, Opened, OpenedContent, TreeError};
pub use path::{MAXIMUM_LINKS, base_name, clean, join, parent, resolve};
