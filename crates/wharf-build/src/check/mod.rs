//! Build checks: what BuildKit's linter says about a Dockerfile, with its names, texts and places.
//!
//! Base images are not asked for: `UndefinedVar` speaks only of stages that begin with `scratch`, since an image may bring
//! variables of its own, and of `InvalidBaseImagePlatform` the build tells.

mod circles;
mod options;
mod outline;
mod platform_rules;
pub(crate) mod ports;
mod problem;
mod report;
mod rule;
pub(crate) mod scope;
pub(crate) mod signal;
mod stages;
#[cfg(test)]
mod tests;
mod whole_file;

pub use options::CheckOptions;
pub use outline::{Outline, OutlineArgument, OutlineNeed, TargetStage, outline, targets};
pub use problem::{Problem, StageReason};
pub use report::{CheckReport, Finding, excerpt};
pub use rule::Rule;
pub use whole_file::{CheckRequest, check};
