//! Figures for Prometheus. Counting is a relaxed addition to an atomic number; whatever is costly happens when they are read.

mod counter;
mod exposition;
mod histogram;

pub(crate) use counter::Counter;
pub(crate) use exposition::{Exposition, Kind};
pub(crate) use histogram::Histogram;
