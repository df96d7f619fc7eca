//! JSON as Go's `encoding/json` reads, writes and indents it.

mod encode;
mod indent;
mod reader;

pub use encode::{EncodeError, Escape, encode};
pub use indent::{Indent, compact, indent};
pub use reader::{JsonError, JsonReason};

pub(crate) use reader::{Json, parse};
