//! What `--filter` means: `key=value` texts, already split from each other, become the questions that the store answers.

mod moments;
mod terms;

pub(crate) use moments::parse_moment;
pub(crate) use terms::{FilterError, FilterTerms};
