//! The instructions: what a Dockerfile says, typed. Variables stand in the texts as they are written.

use super::heredoc::Heredoc;
use super::mount::Mount;
use super::place::Lines;

/// One instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its first word, as it is written.
    pub keyword: String,
    /// Where it stands.
    pub lines: Lines,
    /// The comments right above it, without `#`.
    pub comments: Vec<String>,
    /// What it says.
    pub kind: InstructionKind,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstructionKind {
    /// `ADD`.
    Add(Add),
    /// `ARG`, in a stage or before the first.
    Arg(Vec<Argument>),
    /// `CMD`.
    Cmd(CommandLine),
    /// `COPY`.
    Copy(Copy),
    /// `ENTRYPOINT`.
    Entrypoint(CommandLine),
    /// `ENV`.
    Env(Vec<Pair>),
    /// `EXPOSE`, its words.
    Expose(Vec<String>),
    /// `HEALTHCHECK`.
    Healthcheck(Healthcheck),
    /// `LABEL`.
    Label(Vec<Pair>),
    /// `MAINTAINER`.
    Maintainer(String),
    /// `ONBUILD`: the instruction behind it, as it is written, with its heredocs.
    Onbuild(String),
    /// `RUN`.
    Run(Run),
    /// `SHELL`.
    Shell(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(String),
    /// `USER`.
    User(String),
    /// `VOLUME`.
    Volume(Vec<String>),
    /// `WORKDIR`.
    Workdir(String),
}

/// A stage: `FROM` and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// `FROM`, as it is written.
    pub keyword: String,
    /// What it begins with: an image, another stage, `scratch`.
    pub base: String,
    /// Its name, in lower case.
    pub name: Option<String>,
    /// `AS` and the name, as they are written.
    pub written_name: Option<(String, String)>,
    /// `--platform=`.
    pub platform: Option<String>,
    /// Where its FROM stands.
    pub lines: Lines,
    /// The comments right above it, without `#`.
    pub comments: Vec<String>,
    /// Its instructions.
    pub instructions: Vec<Instruction>,
}

/// A variable of ARG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its default.
    pub default: Option<String>,
}

/// A variable of ENV, a label of LABEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The old form with a space: `ENV name value`.
    pub is_legacy: bool,
}

/// What is run: by a shell, or as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// A line for the shell, and the heredocs that it begins.
    Shell {
        /// The line.
        line: String,
        /// The heredocs, in order.
        heredocs: Vec<Heredoc>,
    },
    /// A JSON array: a program and its arguments.
    Exec(Vec<String>),
}

/// `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What is run.
    pub command: CommandLine,
    /// `--mount=`, as far as they can be known before variables are; see [`Mount::parse`].
    pub mounts: Vec<String>,
    /// `--network=`.
    pub network: Network,
    /// `--security=`.
    pub security: Security,
    /// `--device=`.
    pub devices: Vec<String>,
}

impl Run {
    /// The mounts, with the values that `expand` makes of what is written.
    ///
    /// # Errors
    /// If a mount is none.
    pub fn mounts(
        &self,
        expand: &mut dyn FnMut(&str) -> Result<String, super::expand::ExpandError>,
    ) -> Result<Vec<Mount>, super::error::Reason> {
        self.mounts
            .iter()
            .map(|text| Mount::parse(text, expand))
            .collect()
    }
}

/// The network of a RUN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The builder's.
    Default,
    /// None but the loopback.
    None,
    /// The host's.
    Host,
}

/// How far a RUN is locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// As any container.
    Sandbox,
    /// With every capability.
    Insecure,
}

/// Paths of COPY and ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// What is copied, without heredocs.
    pub sources: Vec<String>,
    /// Heredocs that become files.
    pub heredocs: Vec<Heredoc>,
    /// Where to.
    pub destination: String,
}

/// Flags that COPY and ADD share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFlags {
    /// `--chown=`.
    pub owner: Option<String>,
    /// `--chmod=`.
    pub mode: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--exclude=`.
    pub excludes: Vec<String>,
}

/// `COPY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The paths.
    pub paths: Paths,
    /// Flags.
    pub flags: CopyFlags,
    /// `--from=`.
    pub from: Option<String>,
    /// `--parents`.
    pub parents: bool,
}

/// `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// The paths.
    pub paths: Paths,
    /// Flags.
    pub flags: CopyFlags,
    /// `--keep-git-dir`, if it is given.
    pub keep_git_dir: Option<bool>,
    /// `--checksum=`.
    pub checksum: Option<String>,
    /// `--unpack`, if it is given.
    pub unpack: Option<bool>,
}

/// `HEALTHCHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`: not even the base's.
    None,
    /// `CMD`. Durations are in nanoseconds, zero for the default.
    Command {
        /// What is run.
        command: CommandLine,
        /// `--interval=`.
        interval_ns: i64,
        /// `--timeout=`.
        timeout_ns: i64,
        /// `--start-period=`.
        start_period_ns: i64,
        /// `--start-interval=`.
        start_interval_ns: i64,
        /// `--retries=`, zero for the default.
        retries: u32,
    },
}
