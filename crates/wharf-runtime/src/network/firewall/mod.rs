//! Rules for packets, by nft or by iptables.

mod iptables;
mod local;
mod nftables;
mod rules;

pub(super) use local::redirect_local_port;
pub use rules::{Firewall, FirewallError, PublishedPort};
