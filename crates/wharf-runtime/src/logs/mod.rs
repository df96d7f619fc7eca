//! A container's output in Docker's `json-file` format: one JSON object a line, `{"log":"...","stream":"stdout","time":"..."}`.

mod line;
mod reader;
mod writer;

use line::Line;
pub use line::OutputStream;
pub use reader::{LogEntry, LogReader};
pub(crate) use writer::LogWriter;
