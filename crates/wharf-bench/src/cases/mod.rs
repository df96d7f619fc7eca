//! The cases: each measures one promise about speed or size, for every tool that can do the like.

mod again;
mod archives;
mod bench;
mod interrupted;
mod listing;
mod pull;
mod push;
mod remains;
mod startup;

pub(crate) use bench::{Bench, Case};
