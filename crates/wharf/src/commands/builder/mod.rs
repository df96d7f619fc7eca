//! `wharf build`, and what builds remember.

pub(crate) mod build;
mod cache_group;
mod cache_options;
mod call;
mod check;
mod context_argument;
mod display;
mod group;
mod image_options;
mod interrupt;
mod output_option;
pub(crate) mod prune;
mod publish;
mod raw_json;
mod run_options;
mod secret_options;
mod terminal;

pub(crate) use group::COMMAND;
