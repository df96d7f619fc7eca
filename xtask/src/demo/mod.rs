//! `cargo xtask demo`: the main job, run on this machine with real tools on both ends.

mod clients;
mod command;
mod images;
mod registry;
mod stage;

pub(crate) use command::{DemoArguments, run};
