//! Real servers on loopback, each in a folder of its own, stopped when the test ends.

mod certificates;
mod dockerd;
mod registry;
mod scripted;
mod search;
mod server;

pub use dockerd::DockerDaemon;
pub use registry::{REGISTRY_PASSWORD, REGISTRY_USER, RegistryBuilder, TestRegistry};
pub use scripted::{ScriptedRegistry, ScriptedReply, ScriptedRequest};
pub use search::SearchServer;
