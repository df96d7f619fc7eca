//! Networks of containers: the ones that are always there, and those that somebody makes.
//!
//! - `file.rs` is what is written down: networks, and who has which place in them while it runs;
//! - `create.rs` makes, finds and removes networks;
//! - `places.rs` gives a container its places when it starts, and takes them back;
//! - `connect.rs` changes the networks of a container;
//! - `names.rs` writes a container's files of names, and answers questions about names;
//! - `steps.rs` gives steps of builds theirs;
//! - `user_place.rs` is the network of an ordinary user's container.

mod addresses;
mod connect;
mod create;
mod described;
mod file;
mod names;
mod places;
mod steps;
mod user_place;

pub use connect::EndpointConfig;
pub use create::NetworkRequest;
pub use file::{Network, NetworkPlace};
pub(crate) use names::resolver_text;
pub(super) use places::Connected;
pub use places::ContainerNetwork;
pub(crate) use steps::{SharedNetwork, StepNetwork};
pub(super) use user_place::UserPlace;
