//! What can be wrong with a Dockerfile, in BuildKit's words where it has some.

use super::expand::ExpandError;
use super::place::Lines;
use super::suggestion::Suggestion;

/// A Dockerfile cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", self.prefix())]
pub struct DockerfileError {
    /// Where; `None` if it is the file as a whole.
    pub lines: Option<Lines>,
    /// What.
    pub reason: Reason,
}

impl DockerfileError {
    pub(super) fn at(lines: Lines, reason: impl Into<Reason>) -> Self {
        Self {
            lines: Some(lines),
            reason: reason.into(),
        }
    }

    pub(super) const fn of_file(reason: Reason) -> Self {
        Self {
            lines: None,
            reason,
        }
    }

    fn prefix(&self) -> String {
        // BuildKit says of a file as a whole only what is wrong
        let is_of_file = matches!(self.reason, Reason::NoInstructions | Reason::NoStage);
        let lines = self.lines.filter(|_| !is_of_file);
        lines.map_or_else(String::new, |lines| {
            format!("dockerfile parse error on line {}: ", lines.first)
        })
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing but comments, or nothing at all.
    #[error("file with no instructions")]
    NoInstructions,
    /// Only ARGs.
    #[error("dockerfile contains no stages to build")]
    NoStages,
    /// Too large a file, too long a line, too many instructions or heredocs.
    #[error("{what} greater than max allowed size of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it may be, in bytes, or how many there may be.
        limit: usize,
    },
    /// Bytes that are no UTF-8, outside of comments.
    #[error("the line is not UTF-8: save the file with that encoding")]
    NotUtf8,
    /// A directive twice.
    #[error("only one {directive} parser directive can be used")]
    DuplicateDirective {
        /// `syntax`, `escape` or `check`.
        directive: &'static str,
    },
    /// `# escape=x`.
    #[error("invalid escape token '{token}' does not match ` or \\")]
    EscapeToken {
        /// What is written.
        token: String,
    },
    /// `# check=` with what there is not.
    #[error("failed to parse check options: invalid check option {option:?}")]
    CheckOption {
        /// The option.
        option: String,
    },
    /// No such instruction.
    #[error("unknown instruction: {keyword}{suggestion}")]
    UnknownInstruction {
        /// As it is written.
        keyword: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// Something before the first FROM that is no ARG.
    #[error("no build stage in current context")]
    NoStage,
    /// A heredoc without its last line.
    #[error("unterminated heredoc: no line is {terminator:?}")]
    UnterminatedHeredoc {
        /// The line that is missing.
        terminator: String,
    },
    /// A heredoc where there can be none.
    #[error("{instruction} cannot accept a heredoc as a destination")]
    HeredocDestination {
        /// The instruction.
        instruction: &'static str,
    },
    /// A flag that the instruction does not have.
    #[error("unknown flag: --{flag}{suggestion}")]
    UnknownFlag {
        /// Its name.
        flag: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// The same flag twice.
    #[error("duplicate flag specified: --{flag}")]
    DuplicateFlag {
        /// Its name.
        flag: String,
    },
    /// `--flag` where `--flag=value` is needed.
    #[error("missing a value on flag: --{flag}")]
    FlagWithoutValue {
        /// Its name.
        flag: String,
    },
    /// `--link=maybe`.
    #[error("expecting boolean value for flag --{flag}, not: {value}")]
    FlagNotBoolean {
        /// Its name.
        flag: String,
        /// What is written.
        value: String,
    },
    /// `["a", 1]`.
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    JsonNotStrings,
    /// SHELL in words.
    #[error("SHELL requires the arguments to be in JSON form")]
    ShellNotJson,
    /// Nothing behind the instruction.
    #[error("{instruction} requires at least one argument")]
    NoArgument {
        /// The instruction.
        instruction: &'static str,
    },
    /// Nothing, or too much.
    #[error("{instruction} requires exactly one argument")]
    NotOneArgument {
        /// The instruction.
        instruction: &'static str,
    },
    /// COPY and ADD with one path.
    #[error(
        "{instruction} requires at least two arguments, but only one was provided. Destination could not be determined"
    )]
    NoDestination {
        /// The instruction.
        instruction: &'static str,
    },
    /// `ENV name`.
    #[error("{instruction} must have two arguments")]
    NoValue {
        /// The instruction.
        instruction: &'static str,
    },
    /// `ENV a=1 b`.
    #[error("Syntax error - can't find = in {word:?}. Must be of the form: name=value")]
    NoEqualsSign {
        /// The word.
        word: String,
    },
    /// `ENV =value`.
    #[error("{instruction} names can not be blank")]
    BlankName {
        /// The instruction.
        instruction: &'static str,
    },
    /// `FROM a b`.
    #[error("FROM requires either one or three arguments")]
    FromArguments,
    /// `FROM a AS 1b`.
    #[error(
        "invalid name for build stage: {name:?}, name can't start with a number or contain symbols"
    )]
    StageName {
        /// As it is written.
        name: String,
    },
    /// `ONBUILD ONBUILD`.
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    ChainedOnbuild,
    /// `ONBUILD FROM`.
    #[error("{instruction} isn't allowed as an ONBUILD trigger")]
    OnbuildTrigger {
        /// The instruction.
        instruction: String,
    },
    /// `VOLUME [""]`.
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    /// `HEALTHCHECK NONE x`.
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    /// `HEALTHCHECK CMD`.
    #[error("Missing command after HEALTHCHECK CMD")]
    HealthcheckCommand,
    /// `HEALTHCHECK x`.
    #[error("Unknown type {found:?} in HEALTHCHECK (try CMD)")]
    HealthcheckType {
        /// What is written.
        found: String,
    },
    /// `--interval=x`.
    #[error(
        "invalid duration {value:?} for --{flag}: expected a number with a unit, as 30s, 1m30s or 500ms"
    )]
    Duration {
        /// The flag.
        flag: &'static str,
        /// What is written.
        value: String,
    },
    /// `--interval=1us`.
    #[error("Interval {flag:?} cannot be less than 1ms")]
    ShortInterval {
        /// The flag.
        flag: &'static str,
    },
    /// `--retries=x`.
    #[error("invalid value {value:?} for --retries: expected a whole number from 0 to 2147483647")]
    Retries {
        /// What is written.
        value: String,
    },
    /// `RUN --network=x`.
    #[error("invalid network mode {mode:?}: expected default, none or host{suggestion}")]
    NetworkMode {
        /// What is written.
        mode: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// `RUN --security=x`.
    #[error("security {mode:?} is not valid: expected sandbox or insecure{suggestion}")]
    Security {
        /// What is written.
        mode: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// `RUN --mount=` with what there is not.
    #[error(transparent)]
    Mount(#[from] MountReason),
    /// A text that cannot be expanded.
    #[error(transparent)]
    Expand(#[from] ExpandError),
}

/// What is wrong with a `RUN --mount`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountReason {
    /// A quote in the middle, or one that is open.
    #[error("failed to parse csv mounts: a quote is open or stands inside of a field in {text:?}")]
    Quotes {
        /// The whole value.
        text: String,
    },
    /// `--mount=xyz`.
    #[error("invalid field '{field}' must be a key=value pair")]
    NotAPair {
        /// The field.
        field: String,
    },
    /// `--mount=type=x`.
    #[error("unsupported mount type {value:?}{suggestion}")]
    Type {
        /// What is written.
        value: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// `sharing=x`.
    #[error("unsupported sharing value {value:?}{suggestion}")]
    Sharing {
        /// What is written.
        value: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// A key that no mount has.
    #[error("unexpected key '{key}' in '{field}'{suggestion}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The field.
        field: String,
        /// What may be meant.
        suggestion: Suggestion,
    },
    /// A key that this type does not have.
    #[error("unexpected key '{key}' for mount type '{kind}'")]
    KeyOfOtherType {
        /// The key.
        key: String,
        /// The type.
        kind: &'static str,
    },
    /// A value that is none for the key.
    #[error("invalid value for {key}: {value}")]
    Value {
        /// The key.
        key: String,
        /// What is written.
        value: String,
    },
    /// `mode`, `uid`, `gid` where there is no file to give them to.
    #[error("{key} not allowed for {kind:?} type mounts")]
    OwnerNotAllowed {
        /// The key.
        key: &'static str,
        /// The type.
        kind: &'static str,
    },
    /// `from=$name`.
    #[error("'from' doesn't support variable expansion, define alias stage instead")]
    FromExpansion,
    /// A secret from somewhere.
    #[error("secret mount should not have a from")]
    SecretFrom,
    /// A secret with neither.
    #[error("invalid secret mount. one of source, target required")]
    SecretWithoutName,
    /// A secret with both.
    #[error("both source and id can't be set")]
    SecretWithTwoNames,
    /// Sharing of what is no cache.
    #[error("invalid cache sharing set for {kind} mount")]
    SharingNotAllowed {
        /// The type.
        kind: &'static str,
    },
}
