//! The data that templates are given: values, their Go types, and how JSON becomes them.

mod decode;
mod text;
mod time;
mod types;
#[expect(
    clippy::module_inception,
    reason = "the folder is about values, and this file holds the enum of that name"
)]
mod value;

pub use decode::{DecodeError, Numbers};
pub use text::GoString;
pub use time::GoTime;
pub use types::{MapType, NamedType, StructType, Type};
pub use value::{List, Map, Named, Pointer, Struct, TemplateContext, Value};

pub(crate) use text::{Rune, rune_count, runes};
