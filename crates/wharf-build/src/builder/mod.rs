//! Does what a plan says: steps are looked up by their keys, done if nothing is found, and their layers kept.
//!
//! A layer is written in one go: files stream into the tar, which is hashed and compressed on its way to the store. Nothing is
//! mounted; what a stage holds is read from the trees of its layers.

mod block_keys;
mod cancellation;
mod copy_step;
mod digests;
mod error;
mod event;
mod key;
mod known_blocks;
mod layer;
mod remote;
mod run;
mod squash;
mod stage;
mod stages;

pub use cancellation::{Cancellation, OnCancel};
pub use error::{BuildError, StepError};
pub use event::{BuildEvent, BuildEvents, Running, StepOutcome, Vertex};
pub use key::KeyFields;
pub use layer::Times;
pub use remote::{Fetched, RemoteError, RemoteSources};
pub use run::{MountedFiles, RunChanges, RunError, RunRequest, StepRunner};
pub use squash::{Squash, squash};
pub use stage::{BuildInput, BuildOptions, BuiltLayer, BuiltStage};
pub use stages::build;
