//! Printing, lengths and logic.

use super::error::{CallError, Failure, in_run};
use crate::execute::{Budget, Operand};
use crate::print::Printer;
use crate::value::{GoString, Value, runes};

/// The argument `index`; the count of arguments was checked before.
pub(super) fn operand(arguments: &[Operand], index: usize) -> Operand {
    arguments.get(index).cloned().unwrap_or(Operand::Invalid)
}

/// The argument `index`, which is a string.
pub(super) fn text(arguments: &[Operand], index: usize) -> GoString {
    match arguments
        .get(index)
        .and_then(Operand::value)
        .map(Value::base)
    {
        Some(Value::String(text)) => text.clone(),
        _ => GoString::from(""),
    }
}

/// Gives a string that was made, and pays for it.
pub(super) fn made(text: impl Into<GoString>, budget: &mut Budget) -> Result<Operand, Failure> {
    let text = text.into();
    budget.made(text.len())?;
    Ok(Operand::Concrete(Value::String(text)))
}

/// A `bool`.
pub(super) fn truth(of: bool) -> Operand {
    Operand::Concrete(Value::Bool(of))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a function of templates, as the others"
)]
pub(super) fn not(arguments: &[Operand], _: &mut Budget) -> Result<Operand, Failure> {
    Ok(truth(!operand(arguments, 0).is_true()))
}

pub(super) fn len(arguments: &[Operand], _: &mut Budget) -> Result<Operand, Failure> {
    let (item, is_nil) = operand(arguments, 0).indirect();
    if is_nil {
        return Err(CallError::NilPointer { function: "len" }.into());
    }
    let Some(value) = item.value() else {
        return Err(CallError::ZeroValue.into());
    };
    let length = match value.base() {
        Value::String(text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) => map.len(),
        _ => {
            let found = value.type_of().map(|of| of.to_string()).unwrap_or_default();
            return Err(CallError::NoLength { found }.into());
        }
    };
    Ok(Operand::Concrete(Value::Int(
        i64::try_from(length).unwrap_or(i64::MAX),
    )))
}

/// There are no values that are functions.
pub(super) fn call(arguments: &[Operand], _: &mut Budget) -> Result<Operand, Failure> {
    let name = text(arguments, 0).to_string();
    match operand(arguments, 1).unwrapped().static_type() {
        None => Err(CallError::CallOfNil.into()),
        Some(found) => Err(CallError::NotAFunction {
            name,
            found: found.to_string(),
        }
        .into()),
    }
}

fn values(arguments: &[Operand]) -> Vec<Value> {
    arguments
        .iter()
        .map(|argument| argument.clone().into_value())
        .collect()
}

pub(super) fn print(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let mut printer = Printer::new(budget.bytes_left());
    printer
        .print(&values(arguments))
        .map_err(|error| in_run(error, budget))?;
    made(printer.into_bytes(), budget)
}

pub(super) fn println(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let mut printer = Printer::new(budget.bytes_left());
    printer
        .print_line(&values(arguments))
        .map_err(|error| in_run(error, budget))?;
    made(printer.into_bytes(), budget)
}

pub(super) fn printf(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let mut printer = Printer::new(budget.bytes_left());
    let values = values(arguments.get(1..).unwrap_or_default());
    printer
        .print_format(&text(arguments, 0), &values)
        .map_err(|error| in_run(error, budget))?;
    made(printer.into_bytes(), budget)
}

/// Maps every character; what is no character becomes U+FFFD.
pub(super) fn map_characters(text: &GoString, mut map: impl FnMut(char) -> char) -> String {
    runes(text.as_bytes())
        .map(|rune| map(rune.character()))
        .collect()
}
