//! Names of containers: a small name server for each container of a network that somebody made.
//!
//! - `message.rs` reads questions and writes answers (RFC 1035);
//! - `serve.rs` answers what is known here, and asks the machine's servers for the rest;
//! - `process.rs` puts it into a process or a thread of its own, with sockets in the container's network.

mod message;
mod process;
mod serve;

pub use process::{NAME_SERVER, NameServer, NameServerThread, start_name_server};
pub use serve::KnownName;
