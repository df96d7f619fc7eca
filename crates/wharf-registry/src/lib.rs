//! The registry as a service: one process that speaks the distribution protocol and Harbor's management API.

pub mod access;
pub mod accounts;
pub mod audit;
pub mod backup;
pub mod config;
pub mod db;
pub mod garbage;
pub mod http;
pub mod listing;
pub mod projects;
pub mod records;
pub mod repositories;
pub mod storage;

mod cache;
mod clock;
mod configuration;
mod data_folder;
mod error;
mod metrics;
mod random;
mod registry;
mod settings;
pub mod tls;

pub use clock::Clock;
pub use configuration::{Configuration, ConfigurationChange};
pub use data_folder::{DataFolder, DataFolderError};
pub use error::RegistryError;
pub use registry::Registry;
pub use settings::{Settings, SparseManifests};
