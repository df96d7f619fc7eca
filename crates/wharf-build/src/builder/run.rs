//! RUN: the seam to what makes processes.

use crate::copy::LayerEntry;
use crate::plan::{LayerRef, RunAction};

/// Runs a program in a stage.
pub trait StepRunner: Send + Sync {
    /// Runs it and gives what it changed, in the order of the names' bytes.
    ///
    /// # Errors
    /// If it cannot be run, or fails.
    fn run(&self, request: RunRequest<'_>) -> Result<Vec<(Vec<u8>, LayerEntry)>, RunError>;
}

/// What is run, and on what.
#[derive(Debug, Clone, Copy)]
pub struct RunRequest<'a> {
    /// The instruction.
    pub action: &'a RunAction,
    /// The stage's layers, from the base up.
    pub layers: &'a [LayerRef],
    /// The line of the instruction.
    pub line: usize,
}

/// A program cannot be run, or failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nobody runs programs yet.
    #[error("line {line}: RUN is not there yet: wharf builds everything of a Dockerfile but RUN")]
    NotThere {
        /// The line of the instruction.
        line: usize,
    },
}

/// Runs nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunNotThere;

impl StepRunner for RunNotThere {
    fn run(&self, request: RunRequest<'_>) -> Result<Vec<(Vec<u8>, LayerEntry)>, RunError> {
        Err(RunError::NotThere { line: request.line })
    }
}
