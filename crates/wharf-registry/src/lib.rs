//! The registry as a service: one process that speaks the distribution protocol and Harbor's management API.

pub mod access;
pub mod accounts;
pub mod db;
pub mod garbage;
pub mod http;
pub mod projects;
pub mod records;
pub mod repositories;
pub mod storage;

mod cache;
mod clock;
mod error;
mod random;
mod registry;
mod settings;

pub use clock::Clock;
pub use error::RegistryError;
pub use registry::Registry;
pub use settings::Settings;
