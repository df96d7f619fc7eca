//! A whole file: its instructions in their stages.

use super::arguments::{InstructionText, Parsed, parse_instruction};
use super::directives::Directives;
use super::error::{DockerfileError, Reason};
use super::instruction::{Argument, InstructionKind, Stage};
use super::limits::{MAXIMUM_FILE_BYTES, MAXIMUM_INSTRUCTIONS};
use super::lines::LineReader;
use super::place::Lines;

/// A Dockerfile, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// Its parser directives.
    pub directives: Directives,
    /// Its escape character.
    pub escape: char,
    /// The ARGs before the first stage.
    pub global_arguments: Vec<GlobalArguments>,
    /// Its stages, one at least.
    pub stages: Vec<Stage>,
    /// Where instructions end that have empty lines inside.
    pub empty_continuations: Vec<usize>,
}

/// An ARG before the first stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalArguments {
    /// Its variables.
    pub arguments: Vec<Argument>,
    /// Where it stands.
    pub lines: Lines,
    /// The comments right above it, without `#`.
    pub comments: Vec<String>,
}

impl Dockerfile {
    /// Reads a file.
    ///
    /// # Errors
    /// If something in it is no Dockerfile, with the place of it, or if it is larger than [`super::limits`] allow.
    pub fn parse(file: &[u8]) -> Result<Self, DockerfileError> {
        if file.len() > MAXIMUM_FILE_BYTES {
            return Err(DockerfileError::of_file(Reason::Limit {
                what: "dockerfile",
                limit: MAXIMUM_FILE_BYTES,
            }));
        }
        let mut reader = LineReader::new(file);
        let mut dockerfile = Self {
            directives: Directives::default(),
            escape: '\\',
            global_arguments: Vec::new(),
            stages: Vec::new(),
            empty_continuations: Vec::new(),
        };
        let mut count = 0;
        while let Some(mut line) = reader.next()? {
            count += 1;
            if count > MAXIMUM_INSTRUCTIONS {
                return Err(DockerfileError::at(
                    line.lines,
                    Reason::Limit {
                        what: "number of instructions",
                        limit: MAXIMUM_INSTRUCTIONS,
                    },
                ));
            }
            dockerfile
                .empty_continuations
                .extend(line.empty_continuation);
            let text = InstructionText::split(&line.text, reader.escape())
                .map_err(|reason| DockerfileError::at(line.lines, reason))?;
            let heredocs = if text.may_have_heredocs() {
                reader.heredocs(&mut line)?
            } else {
                Vec::new()
            };
            let lines = line.lines;
            let parsed = parse_instruction(&text, heredocs, line)
                .map_err(|reason| DockerfileError::at(lines, reason))?;
            dockerfile.take(parsed)?;
        }
        if count == 0 {
            return Err(DockerfileError::at(Lines::one(1), Reason::NoInstructions));
        }
        if dockerfile.stages.is_empty() {
            return Err(DockerfileError::of_file(Reason::NoStages));
        }
        dockerfile.escape = reader.escape();
        dockerfile.directives = reader.into_directives();
        Ok(dockerfile)
    }

    fn take(&mut self, parsed: Parsed) -> Result<(), DockerfileError> {
        let instruction = match parsed {
            Parsed::Stage(stage) => {
                self.stages.push(stage);
                return Ok(());
            }
            Parsed::Instruction(instruction) => instruction,
        };
        if let Some(stage) = self.stages.last_mut() {
            stage.instructions.push(instruction);
            return Ok(());
        }
        let InstructionKind::Arg(arguments) = instruction.kind else {
            return Err(DockerfileError::at(instruction.lines, Reason::NoStage));
        };
        self.global_arguments.push(GlobalArguments {
            arguments,
            lines: instruction.lines,
            comments: instruction.comments,
        });
        Ok(())
    }
}
