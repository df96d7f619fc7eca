//! What `--format` templates see of images, history, disk usage and search results: the placeholders of Docker, with
//! Docker's texts. One file per command; each holds the default table, the titles of its columns and its rows.

pub(crate) mod container_types;
pub(crate) mod containers;
pub(crate) mod disk_usage;
pub(crate) mod document;
pub(crate) mod history;
pub(crate) mod image_tools;
pub(crate) mod image_tree;
pub(crate) mod images;
pub(crate) mod inspect;
pub(crate) mod networks;
pub(crate) mod search;
pub(crate) mod stats;
pub(crate) mod system_types;
pub(crate) mod volumes;

mod moment;
#[cfg(test)]
mod recorded;

pub(crate) use moment::Moment;
pub(crate) mod ports;
