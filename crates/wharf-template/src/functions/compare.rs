//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::builtin::{operand, truth};
use super::error::{CallError, Failure};
use crate::execute::{Budget, Operand};
use crate::print::Printer;
use crate::value::{Value, runes};

/// What Go's reflection calls a kind, as far as comparison tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Invalid,
    Bool,
    Int,
    Uint,
    Float,
    Complex,
    String,
    List,
    Map,
    Struct,
    Pointer,
}

impl Kind {
    fn of(operand: &Operand) -> Self {
        match operand.value().map(Value::base) {
            None | Some(Value::Nil | Value::Named(_)) => Self::Invalid,
            Some(Value::Bool(_)) => Self::Bool,
            Some(Value::Int(_)) => Self::Int,
            Some(Value::Uint(_)) => Self::Uint,
            Some(Value::Float(_)) => Self::Float,
            Some(Value::Complex(..)) => Self::Complex,
            Some(Value::String(_)) => Self::String,
            Some(Value::List(_)) => Self::List,
            Some(Value::Map(_)) => Self::Map,
            Some(Value::Struct(_) | Value::Time(_)) => Self::Struct,
            Some(Value::Pointer(_) | Value::Object(_)) => Self::Pointer,
        }
    }

    /// The kinds that Go compares by what they are made of; the others are all alike here.
    fn is_basic(self) -> bool {
        !matches!(
            self,
            Self::Invalid | Self::List | Self::Map | Self::Struct | Self::Pointer
        )
    }
}

/// Whether the first argument equals one of the others.
pub(super) fn eq(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let first = operand(arguments, 0).unwrapped();
    let others = arguments.get(1..).unwrap_or_default();
    if others.is_empty() {
        return Err(CallError::NoComparison.into());
    }
    for other in others {
        if equal(&first, &other.clone().unwrapped(), budget)? {
            return Ok(truth(true));
        }
    }
    Ok(truth(false))
}

pub(super) fn ne(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let (first, second) = pair(arguments);
    Ok(truth(!equal(&first, &second, budget)?))
}

pub(super) fn lt(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let (first, second) = pair(arguments);
    Ok(truth(less(&first, &second, budget)?))
}

pub(super) fn le(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let (first, second) = pair(arguments);
    Ok(truth(
        less(&first, &second, budget)? || equal(&first, &second, budget)?,
    ))
}

pub(super) fn gt(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let (first, second) = pair(arguments);
    Ok(truth(
        !less(&first, &second, budget)? && !equal(&first, &second, budget)?,
    ))
}

pub(super) fn ge(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let (first, second) = pair(arguments);
    Ok(truth(!less(&first, &second, budget)?))
}

fn pair(arguments: &[Operand]) -> (Operand, Operand) {
    (
        operand(arguments, 0).unwrapped(),
        operand(arguments, 1).unwrapped(),
    )
}

fn equal(first: &Operand, second: &Operand, budget: &mut Budget) -> Result<bool, Failure> {
    pay(first, second, budget)?;
    let (kind, other) = (Kind::of(first), Kind::of(second));
    if kind.is_basic() || other.is_basic() {
        return match order(first, second) {
            Order::Incompatible if kind == Kind::Invalid || other == Kind::Invalid => Ok(false),
            Order::Incompatible => Err(incompatible(first, second).into()),
            order => Ok(order == Order::Known(Ordering::Equal)),
        };
    }
    if kind != other && kind != Kind::Invalid && other != Kind::Invalid {
        return Err(CallError::DifferentKinds {
            first: shown(first, "%s"),
            first_type: type_name(first),
            second_type: type_name(second),
            second: shown(second, "%v"),
        }
        .into());
    }
    let is_nil = |operand: &Operand| operand.value().is_none_or(Value::is_nil);
    if is_nil(first) || is_nil(second) {
        return Ok(is_nil(first) == is_nil(second));
    }
    let Some((first, compared)) = first.value().zip(second.value()) else {
        return Ok(false);
    };
    if !compared.type_of().is_some_and(|of| of.comparable()) {
        return Err(CallError::NotComparable {
            value: shown(second, "%s"),
            of_type: type_name(second),
        }
        .into());
    }
    Ok(identical(first, compared))
}

fn less(first: &Operand, second: &Operand, budget: &mut Budget) -> Result<bool, Failure> {
    pay(first, second, budget)?;
    let (kind, other) = (Kind::of(first), Kind::of(second));
    if !kind.is_basic() || !other.is_basic() {
        return Err(CallError::BadComparisonType.into());
    }
    match order(first, second) {
        Order::Incompatible => Err(incompatible(first, second).into()),
        _ if matches!(kind, Kind::Bool | Kind::Complex) => Err(CallError::BadComparisonType.into()),
        order => Ok(order == Order::Known(Ordering::Less)),
    }
}

/// How two basic values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Known(Ordering),
    /// Neither of them is less, nor are they equal: NaN, and complex numbers that differ.
    None,
    /// Their types do not go together.
    Incompatible,
}

impl From<Option<Ordering>> for Order {
    fn from(ordering: Option<Ordering>) -> Self {
        ordering.map_or(Self::None, Self::Known)
    }
}

fn order(first: &Operand, second: &Operand) -> Order {
    let Some((first, second)) = first.value().zip(second.value()) else {
        return Order::Incompatible;
    };
    match (first.base(), second.base()) {
        (Value::Bool(first), Value::Bool(second)) => Order::Known(first.cmp(second)),
        (Value::Int(first), Value::Int(second)) => Order::Known(first.cmp(second)),
        (Value::Uint(first), Value::Uint(second)) => Order::Known(first.cmp(second)),
        (Value::Int(first), Value::Uint(second)) => {
            Order::Known(i128::from(*first).cmp(&i128::from(*second)))
        }
        (Value::Uint(first), Value::Int(second)) => {
            Order::Known(i128::from(*first).cmp(&i128::from(*second)))
        }
        (Value::Float(first), Value::Float(second)) => first.partial_cmp(second).into(),
        (Value::Complex(first, first_i), Value::Complex(second, second_i)) => {
            let parts = (first.partial_cmp(second), first_i.partial_cmp(second_i));
            if parts == (Some(Ordering::Equal), Some(Ordering::Equal)) {
                Order::Known(Ordering::Equal)
            } else {
                Order::None
            }
        }
        (Value::String(first), Value::String(second)) => Order::Known(first.cmp(second)),
        _ => Order::Incompatible,
    }
}

/// Go's `==` on two interfaces: the same type, and the same in all its parts.
fn identical(first: &Value, second: &Value) -> bool {
    if first.type_of() != second.type_of() {
        return false;
    }
    match (first.base(), second.base()) {
        (Value::Nil, Value::Nil) => true,
        (Value::Time(first), Value::Time(second)) => first == second,
        (Value::Object(first), Value::Object(second)) => Arc::ptr_eq(first, second),
        (Value::Pointer(one), Value::Pointer(other)) => {
            Arc::ptr_eq(one, other) || (one.target.is_none() && other.target.is_none())
        }
        (Value::Struct(one), Value::Struct(other)) => one
            .fields
            .iter()
            .zip(&other.fields)
            .all(|(first, second)| identical(first, second)),
        _ => {
            let wrap = |value: &Value| Operand::concrete(value.clone());
            order(&wrap(first), &wrap(second)) == Order::Known(Ordering::Equal)
        }
    }
}

/// Comparing long strings costs more.
fn pay(first: &Operand, second: &Operand, budget: &mut Budget) -> Result<(), Failure> {
    let length = |operand: &Operand| match operand.value().map(Value::base) {
        Some(Value::String(text)) => text.len(),
        Some(Value::Struct(of)) => of.fields.len().saturating_mul(64),
        _ => 0,
    };
    Ok(budget.steps_for(length(first).min(length(second)))?)
}

fn incompatible(first: &Operand, second: &Operand) -> CallError {
    CallError::IncompatibleTypes {
        first: type_name(first),
        second: type_name(second),
    }
}

fn type_name(operand: &Operand) -> String {
    operand
        .static_type()
        .map(|of| of.to_string())
        .unwrap_or_default()
}

/// A value as the error shows it, at most this long.
fn shown(operand: &Operand, format: &str) -> String {
    const SHOWN_BYTES: usize = 4096;
    let mut printer = Printer::new(SHOWN_BYTES);
    let _cut = printer.print_format(&format.into(), &[operand.clone().into_value()]);
    runes(&printer.into_bytes())
        .map(crate::value::Rune::character)
        .collect()
}
