//! The registry as a service: one process that speaks the distribution protocol and Harbor's management API.

pub mod db;
pub mod storage;

mod clock;
mod random;

pub use clock::Clock;
