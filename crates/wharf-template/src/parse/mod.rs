//! From the text of a template to its trees.

mod error;
mod lexer;
mod number;
mod parser;
mod tree;
mod unquote;

pub use error::{ParseError, ParseReason};

pub(crate) use number::Number;
pub(crate) use parser::parse;
pub(crate) use tree::{Branch, Command, Node, Pipeline, Term, Tree, Variable};
