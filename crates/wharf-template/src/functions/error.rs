//! What functions of templates refuse, in Go's words.

use crate::execute::{Budget, ExecuteReason};
use crate::json::EncodeError;
use crate::print::OutputTooLong;

/// Why a function failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the texts say what the variants and their fields are"
)]
pub enum CallError {
    #[error("{function} of untyped nil")]
    UntypedNil { function: &'static str },
    #[error("{function} of nil pointer")]
    NilPointer { function: &'static str },
    #[error("cannot index slice/array with nil")]
    IndexIsNil,
    #[error("cannot index slice/array with type {found}")]
    IndexType { found: String },
    #[error("index out of range: {index}")]
    IndexOutOfRange { index: i64 },
    #[error("reflect: {kind} index out of range")]
    IndexAtEnd { kind: &'static str },
    #[error("value is nil; should be of type {expected}")]
    KeyIsNil { expected: String },
    #[error("value has type {found}; should be {expected}")]
    KeyType { found: String, expected: String },
    #[error("can't {function} item of type {found}")]
    NoItems {
        function: &'static str,
        found: String,
    },
    #[error("too many slice indexes: {count}")]
    TooManyIndexes { count: usize },
    #[error("cannot 3-index slice a string")]
    CapacityOfString,
    #[error("invalid slice index: {first} > {second}")]
    IndexesCrossed { first: usize, second: usize },
    #[error("len of type {found}")]
    NoLength { found: String },
    #[error("reflect: call of reflect.Value.Type on zero Value")]
    ZeroValue,
    #[error("call of nil")]
    CallOfNil,
    #[error("non-function {name} of type {found}")]
    NotAFunction { name: String, found: String },
    #[error("invalid type for comparison")]
    BadComparisonType,
    #[error("missing argument for comparison")]
    NoComparison,
    #[error("incompatible types for comparison: {first} and {second}")]
    IncompatibleTypes { first: String, second: String },
    #[error("non-comparable types {first}: {first_type}, {second_type}: {second}")]
    DifferentKinds {
        first: String,
        first_type: String,
        second_type: String,
        second: String,
    },
    #[error("non-comparable type {value}: {of_type}")]
    NotComparable { value: String, of_type: String },
    #[error(transparent)]
    Json(#[from] EncodeError),
    #[error("strings: negative Repeat count")]
    NegativeRepeat,
    #[error("runtime error: slice bounds out of range [:{length}]")]
    NegativeLength { length: i64 },
}

/// What ends a call: an error of the function, which names the function, or a limit of the run.
#[derive(Debug)]
pub(crate) enum Failure {
    Call(CallError),
    Limit(ExecuteReason),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<ExecuteReason> for Failure {
    fn from(reason: ExecuteReason) -> Self {
        Self::Limit(reason)
    }
}

/// A printer that ran out of bytes, as the run reports it.
pub(super) fn in_run(_: OutputTooLong, budget: &Budget) -> Failure {
    Failure::Limit(budget.too_long())
}
