//! Real servers on loopback, each in a folder of its own, stopped when the test ends.

mod balancer;
mod certificates;
mod dockerd;
mod faulty;
mod port;
mod postgres;
mod registry;
mod s3;
mod scripted;
mod search;
mod server;
mod shared_stores;
mod wharf_registry;

pub use balancer::Balancer;
pub use dockerd::DockerDaemon;
pub use faulty::{Fault, FaultyS3, PassedRequest};
pub use postgres::PostgresServer;
pub use registry::{REGISTRY_PASSWORD, REGISTRY_USER, RegistryBuilder, TestRegistry};
pub use s3::S3Server;
pub use scripted::{ScriptedRegistry, ScriptedReply, ScriptedRequest};
pub use search::SearchServer;
pub use shared_stores::SharedStores;
pub use wharf_registry::{
    ADMINISTRATOR, ADMINISTRATOR_PASSWORD, WharfNode, WharfRegistry, with_credentials,
};
