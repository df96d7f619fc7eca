//! Processes from a root file system and a configuration, isolated as Docker isolates them.
//!
//! Nothing here knows images, names or commands: it takes paths and settings. What it asks of the kernel that no safe library
//! asks stands in `sys`, the only `unsafe` of the workspace.

mod capabilities;
pub mod seccomp;
#[expect(
    unsafe_code,
    reason = "what no safe library asks of the kernel is asked here and nowhere else"
)]
mod sys;

pub use capabilities::{Capability, CapabilitySet, UnknownCapability};
pub use sys::load_filter;
