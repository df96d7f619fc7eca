//! Go's `fmt`: how values become text.

mod float;
mod printer;
mod quote;
mod verbs;

pub(crate) use float::{FloatForm, format_float};
pub(crate) use printer::{OutputTooLong, Printer};
pub(crate) use quote::{character_code, is_letter_or_digit, is_printable, quote, quote_cut};
