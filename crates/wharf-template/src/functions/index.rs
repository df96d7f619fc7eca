//! `index` and `slice`.

use std::sync::Arc;

use super::builtin::operand;
use super::error::{CallError, Failure};
use crate::execute::{Budget, Operand};
use crate::value::{GoString, List, Map, Type, Value};

/// `index list 1 "key"`: `list[1]["key"]`.
pub(super) fn index(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    const FUNCTION: &str = "index";
    let mut item = operand(arguments, 0).unwrapped();
    if item.value().is_none() {
        return Err(CallError::UntypedNil { function: FUNCTION }.into());
    }
    for position in arguments.get(1..).unwrap_or_default() {
        budget.step()?;
        let position = position.clone().unwrapped();
        let (target, is_nil) = item.indirect();
        let Some(value) = target.value().filter(|_| !is_nil) else {
            return Err(CallError::NilPointer { function: FUNCTION }.into());
        };
        item = match value.base() {
            Value::List(list) => {
                let at = number(&position, list.items().len())?;
                let found = list
                    .items()
                    .get(at)
                    .ok_or(CallError::IndexAtEnd { kind: "slice" })?;
                Operand::element(&list.element, found)
            }
            Value::String(text) => {
                let at = number(&position, text.len())?;
                let byte = *text
                    .as_bytes()
                    .get(at)
                    .ok_or(CallError::IndexAtEnd { kind: "string" })?;
                Operand::Concrete(Value::named("uint8", Value::Uint(u64::from(byte))))
            }
            Value::Map(map) => entry(map, &position)?,
            _ => {
                return Err(CallError::NoItems {
                    function: FUNCTION,
                    found: type_name(value),
                }
                .into());
            }
        };
    }
    Ok(item)
}

/// The entry of a map; the zero value of its type where there is none.
fn entry(map: &Map, key: &Operand) -> Result<Operand, CallError> {
    let expected = &map.map_type.key;
    let Some(found) = key.static_type() else {
        return Err(CallError::KeyIsNil {
            expected: expected.to_string(),
        });
    };
    let Some(Value::String(text)) = key.value().map(Value::base).filter(|_| found == *expected)
    else {
        return Err(CallError::KeyType {
            found: found.to_string(),
            expected: expected.to_string(),
        });
    };
    let element = &map.map_type.element;
    Ok(match map.get(text) {
        Some(value) => Operand::element(element, value),
        None => Operand::element(element, &element.zero()),
    })
}

/// `slice text 1 3`: `text[1:3]`. A list ends where its items end: Go also sees what may lie behind them.
pub(super) fn slice(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    const FUNCTION: &str = "slice";
    let item = operand(arguments, 0).unwrapped();
    if item.value().is_none() {
        return Err(CallError::UntypedNil { function: FUNCTION }.into());
    }
    let (item, is_nil) = item.indirect();
    let Some(value) = item.value().filter(|_| !is_nil) else {
        return Err(CallError::NilPointer { function: FUNCTION }.into());
    };
    let positions = arguments.get(1..).unwrap_or_default();
    if positions.len() > 3 {
        return Err(CallError::TooManyIndexes {
            count: positions.len(),
        }
        .into());
    }
    let cut = match value.base() {
        Value::String(_) if positions.len() == 3 => return Err(CallError::CapacityOfString.into()),
        Value::String(text) => {
            let (start, end) = bounds(positions, text.len())?;
            budget.made(end - start)?;
            Value::String(GoString::from(
                text.as_bytes().get(start..end).unwrap_or_default(),
            ))
        }
        Value::List(list) => {
            let (start, end) = bounds(positions, list.items().len())?;
            budget.made((end - start).saturating_mul(size_of::<Value>()))?;
            let items = list
                .items
                .as_ref()
                .map(|items| items.get(start..end).unwrap_or_default().to_vec());
            Value::List(Arc::new(List {
                element: list.element.clone(),
                items,
            }))
        }
        _ => {
            return Err(CallError::NoItems {
                function: FUNCTION,
                found: type_name(value),
            }
            .into());
        }
    };
    Ok(Operand::Concrete(match value {
        Value::Named(named) => Value::named(&named.name, cut),
        _ => cut,
    }))
}

fn bounds(positions: &[Operand], length: usize) -> Result<(usize, usize), CallError> {
    let mut bounds = [0, length, length];
    for (bound, position) in bounds.iter_mut().zip(positions) {
        *bound = number(&position.clone().unwrapped(), length)?;
    }
    let [start, end, capacity] = bounds;
    if start > end {
        return Err(CallError::IndexesCrossed {
            first: start,
            second: end,
        });
    }
    if end > capacity {
        return Err(CallError::IndexesCrossed {
            first: end,
            second: capacity,
        });
    }
    Ok((start, end))
}

/// A position from zero to `length`, both included.
fn number(position: &Operand, length: usize) -> Result<usize, CallError> {
    let Some(value) = position.value() else {
        return Err(CallError::IndexIsNil);
    };
    let index = match value.base() {
        Value::Int(index) => *index,
        Value::Uint(index) => index.cast_signed(),
        _ => {
            return Err(CallError::IndexType {
                found: type_name(value),
            });
        }
    };
    usize::try_from(index)
        .ok()
        .filter(|at| *at <= length)
        .ok_or(CallError::IndexOutOfRange { index })
}

fn type_name(value: &Value) -> String {
    value
        .type_of()
        .as_ref()
        .map(Type::to_string)
        .unwrap_or_default()
}
