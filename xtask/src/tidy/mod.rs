//! `cargo xtask tidy`: the rules that no compiler checks.

mod architecture;
mod command;
mod manifests;
mod sources;

pub(crate) use command::{TidyArguments, run};
