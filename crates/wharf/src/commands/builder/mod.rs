//! `wharf build`, and what builds remember.

pub(crate) mod build;
mod cache_options;
mod check;
mod context_argument;
mod display;
mod group;
mod image_options;
mod interrupt;
mod output_option;
pub(crate) mod prune;
mod publish;
mod run_options;
mod secret_options;

pub(crate) use group::COMMAND;
