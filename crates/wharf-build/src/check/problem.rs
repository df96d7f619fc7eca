//! What makes a build impossible.

use crate::dockerfile::expand::ExpandError;
use crate::dockerfile::{DockerfileError, Lines, Reason, Suggestion};

/// What makes a build impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] DockerfileError),
    /// There is no such stage.
    #[error("target stage {target:?} could not be found{suggestion}")]
    NoTarget {
        /// What was asked for.
        target: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// `# check=error=true`.
    #[error("lint violation found for rules: {rules}")]
    Findings {
        /// The rules that are broken.
        rules: String,
    },
    /// An instruction cannot be done.
    #[error("{reason}")]
    Stage {
        /// Where.
        lines: Lines,
        /// Why.
        reason: StageReason,
    },
}

impl Problem {
    /// Where it is; `None` if it is no place in the file.
    pub fn lines(&self) -> Option<Lines> {
        match self {
            Self::File(error) => error.lines,
            Self::NoTarget { .. } | Self::Findings { .. } => None,
            Self::Stage { lines, .. } => Some(*lines),
        }
    }

    pub(crate) fn at(lines: Lines, reason: impl Into<StageReason>) -> Self {
        Self::Stage {
            lines,
            reason: reason.into(),
        }
    }
}

/// Why an instruction cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageReason {
    /// A text cannot be expanded.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// An option of a mount.
    #[error(transparent)]
    Mount(#[from] Reason),
    /// `FROM $unset`.
    #[error("base name ({base}) should not be blank")]
    BlankBase {
        /// As it is written.
        base: String,
    },
    /// `FROM --platform=$unset`.
    #[error("empty platform value from expression {written}{suggestion}")]
    EmptyPlatform {
        /// As it is written.
        written: String,
        /// The variable that may be meant.
        suggestion: Suggestion,
    },
    /// `FROM --platform=x/y/z/a`.
    #[error("failed to parse platform {written}: {cause}")]
    Platform {
        /// As it is written.
        written: String,
        /// What is wrong with it.
        cause: String,
    },
    /// `COPY --from=$x`.
    #[error(
        "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround"
    )]
    VariableInFrom,
    /// `COPY --from=7`, and there is none.
    #[error("invalid stage index {index}: the file has {count}")]
    StageIndex {
        /// What is written.
        index: usize,
        /// How many stages there are.
        count: usize,
    },
    /// `COPY --from` the stage itself.
    #[error("circular dependency detected on stage: {stage}")]
    Circular {
        /// The stage.
        stage: String,
    },
    /// `COPY --from` a stage further down.
    #[error(
        "cannot copy from stage {from:?}, it needs to be defined before current stage {stage:?}"
    )]
    LaterStage {
        /// What is written.
        from: String,
        /// The stage of the instruction.
        stage: String,
    },
    /// A mount upon the root.
    #[error("invalid mount target {target:?}")]
    MountTarget {
        /// The target.
        target: String,
    },
    /// `RUN --mount=type=ssh,source=...`.
    #[error("ssh does not support source")]
    SshSource,
    /// `COPY https://...`.
    #[error("source can't be a {kind} for COPY")]
    RemoteCopy {
        /// `URL` or `git ref`.
        kind: &'static str,
    },
    /// `--checksum` where it makes no sense.
    #[error("checksum {detail}")]
    Checksum {
        /// What is wrong.
        detail: String,
    },
    /// `--chmod=x`.
    #[error(transparent)]
    Mode(#[from] crate::copy::ModeError),
    /// `--exclude=[`.
    #[error(transparent)]
    Pattern(#[from] crate::ignore::PatternFault),
    /// A name of a base image that is none.
    #[error("failed to parse stage name {name:?}: {cause}")]
    BaseName {
        /// As it is written, substituted.
        name: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A trigger of a base image that is no instruction.
    #[error("onbuild trigger {trigger:?} of the base image: {cause}")]
    Trigger {
        /// The trigger.
        trigger: String,
        /// What is wrong with it.
        cause: String,
    },
    /// `SOURCE_DATE_EPOCH=x`.
    #[error("invalid SOURCE_DATE_EPOCH: {text:?}: expected seconds since 1970")]
    Epoch {
        /// What is given.
        text: String,
    },
    /// `STOPSIGNAL x`.
    #[error("invalid signal: {signal}")]
    Signal {
        /// What is written.
        signal: String,
    },
    /// `EXPOSE x`.
    #[error("invalid port: {port:?}: {cause}")]
    Port {
        /// What is written.
        port: String,
        /// What is wrong with it.
        cause: String,
    },
}
