//! Unpacked layers: who may write one, how it is taken up after a crash, and when it is whole.
//!
//! A layer is whole when its folder has its final name; the row in the database only repeats what
//! `layer.json` says, and is written again if it is missing.
//!
//! - `slot.rs`: a layer as it is, or the right to unpack it;
//! - `writer.rs`: that right, and how far the work is;
//! - `record.rs`: what is known of a layer, and `layer.json`;
//! - `folders.rs`: where layers lie;
//! - `put_away.rs`: taking folders out of the way, and deleting them.

mod error;
mod folders;
mod put_away;
mod record;
mod slot;
mod writer;

pub use error::LayerError;
pub(crate) use folders::parse_folder_name;
pub(crate) use put_away::delete_put_away;
pub use record::{LayerFacts, LayerRecord};
pub use slot::LayerSlot;
pub use writer::LayerWriter;
