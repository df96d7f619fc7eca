//! `build`: contexts, base images, and what becomes of the result. What a build does itself is `wharf-build`'s.

mod bases;
mod build;
mod compare;
mod context;
mod export;
mod git;
mod prune;
mod record;
mod remote;
mod request;
mod run;
mod run_settings;

pub(crate) use bases::manifest_layers;
pub(crate) use record::manifest_of_layers;
pub use request::{
    BuildFailure, BuildOutcome, BuildRequest, BuildSink, ContextSource, DockerfileSource,
    FilesTarget, NamedContext,
};
pub use run_settings::RunSettings;
