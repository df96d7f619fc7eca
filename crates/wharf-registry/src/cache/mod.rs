//! What is remembered between requests, where one process has the database to itself.
//!
//! It is exact: a change says what it touches ([`Change`](crate::db::Change)), and that is forgotten after its commit and
//! before anybody is told of it. Where several nodes share a database there is no cache, and every request asks.

mod bytes;
mod memory;
mod tokens;

pub(crate) use bytes::ObjectCache;
pub(crate) use memory::Memory;
pub(crate) use tokens::TokenCache;
