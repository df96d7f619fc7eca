//! Docker's `--format`: tables, JSON lines and templates over rows.

mod format;
mod table;

pub use format::{Format, FormatError, Formatter, OUTPUT_LIMIT_BYTES};
pub use table::{TableTooLarge, align};
