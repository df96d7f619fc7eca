//! The proxy of published ports: it holds them, and leads to the container what no rule leads there.
//!
//! That is what comes from the host's loopback, to IPv6 addresses, and everything where the machine has no program for rules.

mod process;
mod relay;
mod serve;
mod tcp;
mod udp;

pub use process::ProxyProcess;
pub use serve::{ContainerAddresses, PortProxy};
