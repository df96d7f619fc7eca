//! Projects: who stands how in them, and their management.

mod create;
mod manage;
mod members;
mod metadata;
mod standing;

pub use create::ProjectWish;
pub use manage::ProjectSummary;
pub use members::NewMember;
pub use metadata::Metadata;
pub use standing::{ProjectKey, Standing};
