//! `wharf registry`: the registry as a service.

mod activation;
mod authority_files;
mod backup;
mod config_check;
mod config_group;
mod config_schema;
mod fsck;
mod group;
mod options;
mod parts;
mod rebuild;
mod restore;
mod serve;
mod service_manager;

pub(crate) use group::COMMAND;
