//! Go's `text/template` as Docker's `--format` uses it, Docker's tables, and Docker's words for sizes and times.
//!
//! Nothing here does I/O, reads a clock or knows a terminal: values come in, bytes go out.
//!
//! - [`Template`]: the whole language, with Go's functions and Docker's (`json`, `split`, `join`, `title`, `lower`,
//!   `upper`, `pad`, `truncate`), and with Go's error texts. It runs over a [`Value`], which has a Go [`Type`], because
//!   templates can tell types apart: in `eq`, in `%T`, in what an absent key is, in the texts of errors.
//! - [`Format`] and [`Formatter`]: what a user writes behind `--format` (`table ...`, `json`, `raw`, a template), and
//!   rows printed with it. [`align`] is Go's `tabwriter` as Docker sets it.
//! - [`json`]: JSON as Go writes and indents it.
//! - [`units`]: `1.98MB`, `3 weeks`, `1h30m`, `--filter until=`.
//!
//! # What differs from Go
//! - Limits ([`Limits`]), which Go does not have: a template comes from a command line, but also from configuration
//!   files and scripts, and must neither hang nor exhaust memory. Blocks and parentheses nest 150 deep.
//! - A pointer inside of another value prints what it points to, where Go prints an address that differs at every run.
//! - A [`TemplateContext`] prints the name of its type, where Go prints the private fields of the struct behind it.
//! - `slice` of a list ends where its items end. Go sees what its memory holds behind them.
//! - Keys of maps are strings. There are no functions, channels or methods as values, and of the methods of `time.Time`
//!   only `String`, `Unix`, `UnixMilli`, `UnixNano` and `IsZero`.
//! - Unicode is that of the Rust toolchain, which is newer than Go's.
//!
//! The tests hold what a Go program made of several hundred templates.

mod execute;
mod functions;
pub mod json;
mod output;
mod parse;
mod print;
mod template;
pub mod units;
mod value;

pub use execute::{ExecuteError, ExecuteReason, Limits, MissingKey};
pub use functions::CallError;
pub use output::{Format, FormatError, Formatter, OUTPUT_LIMIT_BYTES, TableTooLarge, align};
pub use parse::{ParseError, ParseReason};
pub use template::Template;
pub use value::{
    DecodeError, GoString, GoTime, List, Map, MapType, Named, NamedType, Numbers, Pointer, Struct,
    StructType, TemplateContext, Type, Value,
};
