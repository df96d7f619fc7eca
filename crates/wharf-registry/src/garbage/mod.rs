//! Garbage: what nothing refers to goes, in small steps, while everybody works on.
//!
//! Why nothing is lost that was acknowledged and is referred to stands in docs/decisions/0005; the simulation beside this
//! file tries to prove the opposite.

mod collector;
mod figures;
mod runs;
mod settings;
#[cfg(test)]
mod simulation;
mod steps;

pub use collector::{GarbageReport, GarbageWish};
pub(crate) use figures::GarbageFigures;
pub use settings::GarbageSettings;
