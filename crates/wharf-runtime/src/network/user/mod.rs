//! Networks of ordinary users: a program that stands between a container's namespace and the host's sockets.

mod slirp;
mod tool;

pub use tool::{UserNetwork, UserNetworkError, UserNetworkTool};
