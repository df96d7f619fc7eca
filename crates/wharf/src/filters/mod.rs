//! What `--filter` means: `key=value` texts, already split from each other, become the questions that the store answers.

mod containers;
mod terms;

pub(crate) use containers::{ContainerFilter, name_fits};
pub(crate) use terms::{FilterError, FilterTerms};
