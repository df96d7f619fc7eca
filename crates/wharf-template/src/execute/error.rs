//! What can go wrong while a template runs, in Go's words.

use crate::functions::CallError;
use crate::print::quote;

/// A template that stopped. Prints as Go's `text/template` does:
/// `template: :1:2: executing "" at <.Missing>: map has no entry for key "Missing"`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("template: {name}:{line}:{column}: executing {} at <{context}>: {reason}", quote(.template.as_bytes()))]
pub struct ExecuteError {
    /// The name of the whole template; Docker's have none.
    pub name: String,
    /// Counted from one.
    pub line: usize,
    /// In bytes, counted from zero, as Go counts here.
    pub column: usize,
    /// The name of the template that ran, if `{{template}}` called another one.
    pub template: String,
    /// The part of the template that failed.
    pub context: String,
    /// Why.
    pub reason: Box<ExecuteReason>,
}

/// Why a template stopped. The texts are Go's, but for those of the limits.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the texts say what the variants and their fields are"
)]
pub enum ExecuteReason {
    #[error("undefined variable: {name}")]
    UndefinedVariable { name: String },
    #[error("range can't iterate over {value}")]
    RangeOver { value: String },
    #[error("can't use {value} to iterate over more than one variable")]
    RangeVariables { value: String },
    #[error("template {name} not defined")]
    UndefinedTemplate { name: String },
    #[error("can't give argument to non-function {term}")]
    ArgumentToNonFunction { term: String },
    #[error("nil is not a command")]
    NilCommand,
    #[error("{text} overflows int")]
    Overflow { text: String },
    #[error("{name} is not a defined function")]
    UndefinedFunction { name: String },
    #[error("nil data; no entry for key {key}")]
    NilData { key: String },
    #[error("nil pointer evaluating {of_type}.{field}")]
    NilPointer { of_type: String, field: String },
    #[error("{field} has arguments but cannot be invoked as function")]
    FieldWithArguments { field: String },
    #[error("{field} is not a method but has arguments")]
    EntryWithArguments { field: String },
    #[error("map has no entry for key {key}")]
    MissingKey { key: String },
    #[error("can't evaluate field {field} in type {of_type}")]
    NoField { field: String, of_type: String },
    #[error("wrong number of args for {name}: want at least {wanted} got {given}")]
    TooFewArguments {
        name: String,
        wanted: usize,
        given: usize,
    },
    #[error("wrong number of args for {name}: want {wanted} got {given}")]
    WrongArguments {
        name: String,
        wanted: usize,
        given: usize,
    },
    #[error("invalid value; expected {expected}")]
    InvalidValue { expected: String },
    #[error("wrong type for value; expected {expected}; got {found}")]
    WrongType { expected: String, found: String },
    #[error("dereference of nil pointer of type {expected}")]
    NilDereference { expected: String },
    #[error("can't handle {term} for arg of type {expected}")]
    CannotHandle { term: String, expected: String },
    #[error("cannot assign nil to {expected}")]
    NilArgument { expected: String },
    #[error("expected {expected}; found {term}")]
    WrongLiteral {
        expected: &'static str,
        term: String,
    },
    #[error("error calling {name}: {cause}")]
    Call {
        name: String,
        #[source]
        cause: CallError,
    },
    /// Go's limit is 100,000.
    #[error("exceeded maximum template depth ({limit})")]
    TemplateDepth { limit: usize },
    /// Go has no such limit.
    #[error("blocks of templates that call each other are more than {limit} deep")]
    TooDeep { limit: usize },
    /// Go has no such limit.
    #[error("the output is longer than {limit_bytes} bytes")]
    OutputTooLong { limit_bytes: usize },
    /// Go has no such limit.
    #[error("the template takes more than {limit} steps")]
    TooManySteps { limit: u64 },
}
