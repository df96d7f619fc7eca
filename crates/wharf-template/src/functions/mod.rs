//! The functions of templates: Go's, and Docker's.

mod builtin;
mod case;
mod compare;
mod docker;
mod error;
mod escape;
mod index;
mod signature;

pub use error::CallError;

pub(crate) use error::Failure;
pub(crate) use signature::{Function, FunctionSet, Parameter};
