//! One file per command, called by the command's words: its description for [`crate::arguments`], what it makes of its
//! options, and what it prints.

pub(crate) mod builder;
mod buildx;
mod container;
mod format_option;
pub(crate) mod global_options;
pub(crate) mod image;
mod manifest;
pub(crate) mod network;
mod program;
pub(crate) mod registry;
pub(crate) mod registry_server;
mod root;
pub(crate) mod system;
pub(crate) mod volume;

pub(crate) use program::help::{help, without_subcommand};
pub(crate) use root::ROOT;
