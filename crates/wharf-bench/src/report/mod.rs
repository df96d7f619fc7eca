//! Shows results as tables, and writes docs/performance.md.

mod page;
mod table;
mod targets;

pub(crate) use page::write_page;
pub(crate) use table::case_table;
