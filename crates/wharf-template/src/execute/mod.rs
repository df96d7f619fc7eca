//! Runs a template over a value.

mod arguments;
mod error;
mod fields;
mod operand;
mod state;
mod walk;

pub use error::{ExecuteError, ExecuteReason};
pub use state::{Limits, MissingKey};

pub(crate) use operand::Operand;
pub(crate) use state::{Budget, Execution, Setting};
