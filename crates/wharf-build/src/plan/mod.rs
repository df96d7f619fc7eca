//! From a Dockerfile to what is to be done: the stages that the target needs, their steps, and the config of their images.
//!
//! Planning does no I/O. It is told what base images are like ([`Bases`]); those that it does not know yet it asks for
//! ([`Planned::Needs`]), since only they say which triggers (ONBUILD) they bring.

mod dispatch;
mod environment;
mod go_format;
mod image;
mod instruction_text;
mod request;
mod stages;
mod step;
#[cfg(test)]
mod tests;

pub use image::ImageDraft;
pub use request::{BaseImage, BaseNeed, Bases, ContextKind, LayerRef, PlanRequest, Planned};
pub use stages::plan;
pub use step::{
    Action, CopyAction, CopyFrom, CopySource, InlineFile, Plan, PlannedStage, PlannedStep,
    RunAction, StageBase,
};
