//! COPY and ADD: which files are taken ([`select()`]), what becomes of them at their destination ([`Destination`]), with which
//! owner and mode.
//!
//! The rules are those of `BuildKit`'s file operations. Selecting looks at the source alone, so that a step's key is known
//! before anything is looked up at the destination.

mod archive;
mod destination;
mod materialize;
mod mode;
mod owner;
mod place;
mod select;

pub use archive::{ArchiveError, ReadArchive, is_archive, read_archive};
pub use destination::{Content, Destination, LayerEntries, LayerEntry, PlaceError};
pub use materialize::materialize;
pub use mode::{Clause, ModeChange, ModeError};
pub use owner::{Owner, resolve_owner};
pub use place::{Placement, place, place_archive, place_directory};
pub use select::{Filters, Item, SelectError, Selected, select};
