//! Rules for packets, by nft or by iptables.

mod iptables;
mod nftables;
mod rules;

pub use rules::{Firewall, FirewallError, PublishedPort};
