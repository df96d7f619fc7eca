//! Substitution of variables: `$name`, `${name:-word}` and the other forms, quotes, escapes, words.

mod lexer;
mod pattern;
#[cfg(test)]
mod tests;

pub use lexer::{ExpandError, ExpandReason, Expanded, Lexer, Variables};
