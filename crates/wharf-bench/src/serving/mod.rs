//! How Wharf's registry serves, beside docker-registry and beside nginx with the same bytes as static files.

mod bench;
pub(crate) mod blobs;
mod content;
mod figures;
pub(crate) mod garbage;
pub(crate) mod lists;
pub(crate) mod manifests;
pub(crate) mod memory;
pub(crate) mod pushes;
mod server;
mod setup;

pub(crate) use bench::{MEMORY, ServingArguments, run};
pub(crate) use figures::{Case, CaseFigures, Quantity, Scheme, ServingFigures, Subject};
pub(crate) use server::Kind;
