//! What `--filter` means: `key=value` texts, already split from each other, become the questions that the store answers.

mod terms;

pub(crate) use terms::{FilterError, FilterTerms};
