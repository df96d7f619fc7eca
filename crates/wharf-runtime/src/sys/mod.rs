//! What is asked of the kernel that no safe library asks: the only `unsafe` of the workspace.
//!
//! Each function here is safe to call; why its calls are sound stands at each block.

mod seccomp;

pub use seccomp::load_filter;
