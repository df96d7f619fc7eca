//! A real S3 server on loopback: Ceph's object gateway, with a monitor and one store in memory below it.

mod cluster;
mod server;
mod signature;

pub use server::S3Server;
