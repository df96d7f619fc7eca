//! Shows results as tables, and writes docs/performance.md.

mod containers;
mod page;
mod serving;
mod serving_targets;
mod table;
mod targets;

pub(crate) use containers::{container_targets, write_container_page};
pub(crate) use page::write_page;
pub(crate) use serving::{serving_table, write_serving_page};
pub(crate) use serving_targets::serving_targets;
pub(crate) use table::{Shape, case_table};
