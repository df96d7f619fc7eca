//! Measures Wharf beside the peers that are installed, and writes docs/performance.md.

mod command;

pub(crate) use command::{BenchArguments, run};
