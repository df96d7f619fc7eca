//! Which functions there are, and what they take.

use super::{builtin, compare, docker, error::Failure, escape, index};
use crate::execute::{Budget, Operand};
use crate::value::Type;

/// What a function is called with, and what it gives.
pub(crate) type Call = fn(&[Operand], &mut Budget) -> Result<Operand, Failure>;

/// A function.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(crate) fixed: &'static [Parameter],
    /// What it takes any number of, behind the fixed ones.
    pub(crate) variadic: Option<Parameter>,
    pub(crate) call: Call,
    /// `and` stops at the first false argument, `or` at the first true one; arguments behind it are not looked at.
    pub(crate) stops_at: Option<bool>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// `string`.
    Text,
    /// `int`.
    Int,
    /// `[]string`.
    Strings,
    /// `interface {}`: what is not there becomes nil.
    Any,
    /// `reflect.Value`: what is not there stays so.
    Reflected,
}

impl Parameter {
    pub(crate) fn go_type(self) -> Type {
        match self {
            Self::Text => Type::String,
            Self::Int => Type::Int,
            Self::Strings => Type::list(Type::String),
            Self::Any | Self::Reflected => Type::Any,
        }
    }
}

impl Function {
    /// The type of the argument `index`.
    pub(crate) fn parameter(&self, index: usize) -> Parameter {
        self.fixed
            .get(index)
            .copied()
            .or(self.variadic)
            .unwrap_or(Parameter::Any)
    }
}

/// Which of Docker's functions a template sees, besides Go's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FunctionSet {
    /// For rows.
    Docker,
    /// For one document, in the manner of Docker's plugin buildx: `json` indents by two spaces and escapes for HTML.
    Buildx,
    /// For the header of a table, which stays as it is whatever is done to the rows; only `pad` still pads.
    Header,
}

impl FunctionSet {
    /// The function called `name`.
    pub(crate) fn find(self, name: &str) -> Option<Function> {
        match self {
            Self::Docker => docker(name).or_else(|| go(name)),
            Self::Buildx => buildx(name).or_else(|| docker(name)).or_else(|| go(name)),
            Self::Header => header(name).or_else(|| docker(name)).or_else(|| go(name)),
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the arms of a lookup, of which some find nothing"
)]
fn fixed(fixed: &'static [Parameter], call: Call) -> Option<Function> {
    Some(Function {
        fixed,
        variadic: None,
        call,
        stops_at: None,
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the arms of a lookup, of which some find nothing"
)]
fn variadic(fixed: &'static [Parameter], variadic: Parameter, call: Call) -> Option<Function> {
    Some(Function {
        fixed,
        variadic: Some(variadic),
        call,
        stops_at: None,
    })
}

fn docker(name: &str) -> Option<Function> {
    use Parameter::{Any, Int, Strings, Text};
    match name {
        "json" => fixed(&[Any], docker::json),
        "split" => fixed(&[Text, Text], docker::split),
        "join" => fixed(&[Strings, Text], docker::join),
        "title" => fixed(&[Text], docker::title),
        "lower" => fixed(&[Text], docker::lower),
        "upper" => fixed(&[Text], docker::upper),
        "pad" => fixed(&[Text, Int, Int], docker::pad),
        "truncate" => fixed(&[Text, Int], docker::truncate),
        _ => None,
    }
}

fn buildx(name: &str) -> Option<Function> {
    match name {
        "json" => fixed(&[Parameter::Any], docker::indented_json),
        _ => None,
    }
}

fn header(name: &str) -> Option<Function> {
    use Parameter::{Int, Text};
    match name {
        "json" | "title" | "lower" | "upper" => fixed(&[Text], docker::unchanged),
        "split" | "join" => fixed(&[Text, Text], docker::unchanged),
        "truncate" => fixed(&[Text, Int], docker::unchanged),
        _ => None,
    }
}

fn go(name: &str) -> Option<Function> {
    use Parameter::{Any, Reflected, Text};
    match name {
        "and" | "or" => Some(Function {
            fixed: &[Reflected],
            variadic: Some(Reflected),
            call: builtin::not,
            stops_at: Some(name == "or"),
        }),
        "call" => variadic(&[Reflected], Reflected, builtin::call),
        "html" => variadic(&[], Any, escape::html),
        "index" => variadic(&[Reflected], Reflected, index::index),
        "slice" => variadic(&[Reflected], Reflected, index::slice),
        "js" => variadic(&[], Any, escape::js),
        "len" => fixed(&[Reflected], builtin::len),
        "not" => fixed(&[Reflected], builtin::not),
        "print" => variadic(&[], Any, builtin::print),
        "printf" => variadic(&[Text], Any, builtin::printf),
        "println" => variadic(&[], Any, builtin::println),
        "urlquery" => variadic(&[], Any, escape::urlquery),
        "eq" => variadic(&[Reflected], Reflected, compare::eq),
        "ge" => fixed(&[Reflected, Reflected], compare::ge),
        "gt" => fixed(&[Reflected, Reflected], compare::gt),
        "le" => fixed(&[Reflected, Reflected], compare::le),
        "lt" => fixed(&[Reflected, Reflected], compare::lt),
        "ne" => fixed(&[Reflected, Reflected], compare::ne),
        _ => None,
    }
}
