//! Names of images: what they are, what may be typed for them, and patterns over them.

mod name;
mod pattern;
mod query;

pub use name::{Reference, ReferenceError, Repository, Tag};
pub use pattern::{PatternError, ReferencePattern};
pub use query::{IdPrefix, ImageQuery};
