//! Projects: who stands how in them, and their management.

mod create;
mod standing;

pub use create::ProjectWish;
pub use standing::Standing;
