//! The Dockerfile language.
//!
//! Bytes become [`Dockerfile`]: stages of typed instructions, each with its place. The language is that of BuildKit's frontend
//! 1.26. Nothing here does I/O, and everything foreign has a limit ([`limits`]).

mod arguments;
mod directives;
mod duration;
mod error;
pub mod expand;
mod flags;
mod heredoc;
mod instruction;
pub mod limits;
mod lines;
mod mount;
mod parse;
mod place;
mod suggestion;
#[cfg(test)]
mod tests;
mod words;

pub use directives::{Directive, Directives};
pub use error::{DockerfileError, MountReason, Reason};
pub use heredoc::Heredoc;
pub use instruction::{
    Add, Argument, CommandLine, Copy, CopyFlags, Healthcheck, Instruction, InstructionKind,
    Network, Pair, Paths, Run, Security, Stage,
};
pub use mount::{Mount, MountKind, Sharing};
pub use parse::{Dockerfile, GlobalArguments};
pub use place::Lines;
pub use suggestion::Suggestion;
