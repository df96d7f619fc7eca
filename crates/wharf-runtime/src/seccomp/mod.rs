//! Which system calls a container may make: Docker's default profile, profiles of users, and their translation for the kernel.

mod action;
mod assemble;
mod compile;
mod docker;
#[cfg(test)]
mod interpreter;
mod numbers;
mod profile;
mod read;
#[cfg(test)]
mod tests;

pub use assemble::{Instruction, SeccompProgram};
pub(crate) use compile::call_name;
pub use compile::{Architecture, CompileError, Machine};
pub use profile::{KernelVersion, KernelVersionError, SeccompProfile};
pub use read::ProfileError;
