//! What every case is given, and the list of cases.

use anyhow::Result;

use super::{again, archives, interrupted, listing, pull, push, startup};
use crate::images::ImageName;
use crate::registry::Registry;
use crate::report::Shape;
use crate::results::CaseResults;
use crate::sandbox::Sandbox;
use crate::tools::{Session, Tool, User};
use crate::turns::take_turns;
use crate::volume::VolumeKind;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Case {
    /// Pull into an empty store until a program in the image has run
    Pull,
    /// The same as an ordinary user
    PullOrdinary,
    /// Kill -9 at random moments, pull again: what is fetched and hashed twice
    Interrupted,
    /// Push to an empty registry
    Push,
    /// Save to a file
    Save,
    /// Load from a file
    Load,
    /// Pull and push of what is there already: time and requests
    Again,
    /// `images` with 1 and with 1,000 images
    Listing,
    /// `--version`, and the size of the program
    Startup,
}

impl Case {
    pub(crate) const ALL: [Self; 9] = [
        Self::Startup,
        Self::Pull,
        Self::PullOrdinary,
        Self::Push,
        Self::Save,
        Self::Load,
        Self::Again,
        Self::Listing,
        Self::Interrupted,
    ];

    /// The word on the command line and in the results.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::PullOrdinary => "pull-ordinary",
            Self::Interrupted => "interrupted",
            Self::Push => "push",
            Self::Save => "save",
            Self::Load => "load",
            Self::Again => "again",
            Self::Listing => "listing",
            Self::Startup => "startup",
        }
    }

    /// The headline of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Pull => "Pull into an empty store until a program in the image has run",
            Self::PullOrdinary => "The same as an ordinary user",
            Self::Interrupted => "Pull of `medium`, killed again and again",
            Self::Push => "Push of `medium` to an empty registry",
            Self::Save => "Save of `medium`",
            Self::Load => "Load of `medium`",
            Self::Again => "Pull and push of what is there",
            Self::Listing => "`images`",
            Self::Startup => "Start-up and size",
        }
    }

    /// What its table shows.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Interrupted | Self::Again | Self::Listing | Self::Startup => Shape::Figures,
            _ => Shape::Usages,
        }
    }

    /// Measures it.
    pub(crate) fn run(self, bench: &Bench) -> Result<CaseResults> {
        let mut results = CaseResults {
            date: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
            ..CaseResults::default()
        };
        match self {
            Self::Pull => pull::run(bench, User::Root, &mut results)?,
            Self::PullOrdinary => pull::run(bench, User::Ordinary, &mut results)?,
            Self::Interrupted => interrupted::run(bench, &mut results)?,
            Self::Push => push::run(bench, &mut results)?,
            Self::Save => archives::save(bench, &mut results)?,
            Self::Load => archives::load(bench, &mut results)?,
            Self::Again => again::run(bench, &mut results)?,
            Self::Listing => listing::run(bench, &mut results)?,
            Self::Startup => startup::run(bench, &mut results)?,
        }
        Ok(results)
    }
}

/// The means of all cases.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    /// Holds every image that is pulled.
    pub(crate) registry: Registry,
    pub(crate) tools: Vec<Tool>,
    /// The images of the pull cases.
    pub(crate) images: Vec<ImageName>,
    pub(crate) rounds: usize,
    pub(crate) volume: VolumeKind,
    /// How often `interrupted` kills.
    pub(crate) kills: usize,
}

impl Bench {
    /// Opens an empty store of `tool`.
    pub(crate) fn session(&self, tool: Tool, user: User) -> Result<Session> {
        Session::open(&self.sandbox, tool, user, self.volume)
    }

    /// Lets `tools` take turns.
    pub(crate) fn rounds(
        &self,
        what: &str,
        tools: &[Tool],
        results: &mut CaseResults,
        turn: impl FnMut(Tool, &mut CaseResults) -> Result<()>,
    ) {
        take_turns(what, self.rounds, tools.to_vec(), results, turn);
    }
}
