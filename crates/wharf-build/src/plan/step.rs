//! What is to be done.

use std::sync::Arc;

use jiff::Timestamp;
use wharf_oci::Platform;

use super::image::ImageDraft;
use super::request::BaseImage;
use crate::copy::ModeChange;
use crate::dockerfile::{Lines, Mount, Run};

/// What is to be done: stages, each behind those that it needs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The stages; the last one is the target.
    pub stages: Vec<PlannedStage>,
    /// `SOURCE_DATE_EPOCH`.
    pub epoch: Option<Timestamp>,
    /// Things to be told.
    pub warnings: Vec<(Lines, String)>,
}

/// One stage.
#[derive(Debug, Clone)]
pub struct PlannedStage {
    /// How progress names it; empty if it is the only one.
    pub shown: String,
    /// Its name, in lower case, or its number.
    pub name: String,
    /// What it begins with.
    pub base: StageBase,
    /// What it is for.
    pub platform: Platform,
    /// What is done, in order.
    pub steps: Vec<PlannedStep>,
    /// What its image is like.
    pub image: ImageDraft,
    /// Where its FROM stands.
    pub lines: Lines,
}

/// What a stage begins with.
#[derive(Debug, Clone)]
pub enum StageBase {
    /// Nothing.
    Scratch,
    /// An image.
    Image(Arc<BaseImage>),
    /// Another stage of the plan, by its place.
    Stage(usize),
    /// Files of `--build-context`, by name.
    Context(String),
}

/// A step that makes a layer.
#[derive(Debug, Clone)]
pub struct PlannedStep {
    /// The instruction as progress shows it.
    pub title: String,
    /// What history says of it.
    pub created_by: String,
    /// Where it stands.
    pub lines: Lines,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// COPY, ADD.
    Copy(Box<CopyAction>),
    /// WORKDIR: makes a directory that belongs to a user of the stage.
    Workdir {
        /// The directory, absolute and clean.
        path: String,
        /// `USER`; empty for root.
        user: String,
    },
    /// RUN.
    Run(Box<RunAction>),
}

impl Action {
    /// The stages that it takes files from, by their places.
    pub(crate) fn stages(&self) -> Vec<usize> {
        match self {
            Self::Copy(action) => match action.from {
                CopyFrom::Stage(index) => vec![index],
                CopyFrom::Context | CopyFrom::Named(_) => Vec::new(),
            },
            Self::Workdir { .. } => Vec::new(),
            Self::Run(action) => action.sources.iter().map(|(_, index)| *index).collect(),
        }
    }
}

/// COPY, ADD.
#[derive(Debug, Clone)]
pub struct CopyAction {
    /// ADD.
    pub is_add: bool,
    /// What is copied.
    pub sources: Vec<CopySource>,
    /// Heredocs.
    pub inline: Vec<InlineFile>,
    /// Where paths are looked for.
    pub from: CopyFrom,
    /// Where to: absolute, with what stands at its end.
    pub destination: String,
    /// `--chown=`.
    pub owner: Option<String>,
    /// `--chmod=`, as it is written and read.
    pub mode: Option<(String, ModeChange)>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude=`.
    pub excludes: Vec<String>,
    /// `--checksum=`.
    pub checksum: Option<String>,
    /// `--keep-git-dir`.
    pub keep_git_dir: Option<bool>,
    /// `--unpack`.
    pub unpack: Option<bool>,
}

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopySource {
    /// A path, perhaps with patterns.
    Path(String),
    /// A file of a web server.
    Url(String),
    /// A git repository.
    Git(String),
}

/// A file that stands in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineFile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: String,
}

/// Where paths are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFrom {
    /// The context.
    Context,
    /// A stage of the plan, by its place.
    Stage(usize),
    /// Files of `--build-context`, by name.
    Named(String),
}

/// RUN: everything that is known of it before it runs.
#[derive(Debug, Clone)]
pub struct RunAction {
    /// The program and its arguments, the shell included.
    pub arguments: Vec<String>,
    /// A script that is to lie, executable, at the path that is its name: a heredoc with `#!`.
    pub script: Option<InlineFile>,
    /// The environment, ARGs included, in order.
    pub environment: Vec<(String, String)>,
    /// `USER`; empty for root.
    pub user: String,
    /// Where it runs.
    pub folder: String,
    /// The instruction: its mounts, network, security.
    pub run: Run,
    /// Its mounts, with their values substituted.
    pub mounts: Vec<Mount>,
    /// The stages that its mounts are from, by the name that is written.
    pub sources: Vec<(String, usize)>,
}
