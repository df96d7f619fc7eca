//! rtnetlink(7), synchronously: the dozen requests that a bridge network needs.
//!
//! Encoded here: a request is a header, a small structure and attributes, and the crates that know all of the protocol would bring
//! nine packages for it.

mod conversations;
mod message;
mod requests;
mod socket;

pub(super) use conversations::forget_udp;
pub(super) use requests::{Link, VethPair};
pub(super) use socket::Netlink;
