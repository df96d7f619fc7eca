//! The images that are measured: made on this machine, without internet, the same every time.
//!
//! They are kept in the cache folder as OCI layouts, `images/NAME/`, and in the bench's own registry as `bench/NAME:latest`.

mod corpus;
mod layer;
mod layout;
mod packages;
mod recipes;

pub(crate) use layout::{LayerNames, layer_names};
pub(crate) use recipes::{ImageName, TINY_IMAGES, ensure_image, ensure_tiny_archive};
