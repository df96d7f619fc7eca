//! The process that watches one container.

mod client;
mod health;
mod running;
mod watch;

pub use watch::{HostError, MonitorError, MonitorHost, run_monitor};
