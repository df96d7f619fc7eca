//! JSON to values, as Go's `encoding/json` decodes it: into `interface {}`, or into types.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::text::GoString;
use super::time::GoTime;
use super::types::{StructType, Type};
use super::value::{List, Map, Named, Pointer, Struct, Value};
use crate::json::{Json, JsonError, parse};

/// What a number becomes where the type is `interface {}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// `float64`, Go's default: 10000000 prints as `1e+07`.
    Float64,
    /// `json.Number`, the text as it is written: what `docker inspect` does with what its types do not know.
    AsWritten,
}

/// JSON that does not fit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// It is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is JSON of another type.
    #[error("json: cannot unmarshal {found} into Go value of type {expected}")]
    WrongType {
        /// What kind of JSON stands there.
        found: &'static str,
        /// The type that was to come of it.
        expected: String,
    },
    /// It is a number that is too large.
    #[error("json: cannot unmarshal number {number} into Go value of type float64")]
    TooLarge {
        /// The number as it is written.
        number: String,
    },
}

impl Value {
    /// Reads a document into values of type `interface {}`.
    pub fn from_json(document: &[u8], numbers: Numbers) -> Result<Self, DecodeError> {
        any(parse(document)?, numbers)
    }

    /// Reads a document into a value of type `of`. What is absent is zero; what the type does not know is dropped.
    pub fn decode_json(document: &[u8], of: &Type) -> Result<Self, DecodeError> {
        typed(&parse(document)?, of)
    }
}

fn any(json: Json<'_>, numbers: Numbers) -> Result<Value, DecodeError> {
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(of) => Value::Bool(of),
        Json::Number(text) => match numbers {
            Numbers::Float64 => Value::Float(float(text)?),
            Numbers::AsWritten => Value::named("json.Number", Value::from(text)),
        },
        Json::String(text) => Value::String(text),
        Json::Array(items) => {
            let items: Result<_, _> = items.into_iter().map(|item| any(item, numbers)).collect();
            Value::list(items?)
        }
        Json::Object(members) => {
            let members = members
                .into_iter()
                .map(|(key, value)| Ok((key, any(value, numbers)?)));
            Value::map(members.collect::<Result<Vec<_>, DecodeError>>()?)
        }
    })
}

/// What is too large for a float is no infinity: Go refuses it.
fn float(text: &str) -> Result<f64, DecodeError> {
    let parsed = text.parse().ok().filter(|number: &f64| number.is_finite());
    parsed.ok_or_else(|| DecodeError::TooLarge {
        number: text.to_owned(),
    })
}

fn typed(json: &Json<'_>, of: &Type) -> Result<Value, DecodeError> {
    let wrong = || DecodeError::WrongType {
        found: kind(json),
        expected: of.to_string(),
    };
    Ok(match (of, json) {
        (Type::Any, _) => any(json.clone(), Numbers::Float64)?,
        (_, Json::Null) => of.zero(),
        (Type::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Type::Int, Json::Number(text)) => Value::Int(text.parse().or(Err(wrong()))?),
        (Type::Uint, Json::Number(text)) => Value::Uint(text.parse().or(Err(wrong()))?),
        (Type::Float, Json::Number(text)) => Value::Float(float(text)?),
        (Type::String, Json::String(text)) => Value::String(text.clone()),
        (Type::Time, Json::String(text)) => Value::Time(time(text).ok_or_else(wrong)?),
        (Type::List(element), Json::Array(items)) => {
            let items = items
                .iter()
                .map(|item| typed(item, element))
                .collect::<Result<_, _>>()?;
            Value::List(Arc::new(List {
                element: (**element).clone(),
                items: Some(items),
            }))
        }
        (Type::Map(map_type), Json::Object(members)) => {
            let mut entries = BTreeMap::new();
            for (key, value) in members {
                entries.insert(key.clone(), typed(value, &map_type.element)?);
            }
            Value::Map(Arc::new(Map {
                map_type: map_type.clone(),
                entries: Some(entries),
            }))
        }
        (Type::Pointer(target), _) => Value::Pointer(Arc::new(Pointer {
            element: (**target).clone(),
            target: Some(typed(json, target)?),
        })),
        (Type::Struct(struct_type), Json::Object(members)) => structure(struct_type, members)?,
        (Type::Named(named), _) => Value::Named(Arc::new(Named {
            name: named.name.clone(),
            value: typed(json, &named.underlying)?,
        })),
        _ => return Err(wrong()),
    })
}

/// Keys match as they are, or else whatever their case; the last of several holds.
fn structure(
    struct_type: &Arc<StructType>,
    members: &[(GoString, Json<'_>)],
) -> Result<Value, DecodeError> {
    let mut fields = Vec::with_capacity(struct_type.fields.len());
    for field in &struct_type.fields {
        if field.is_embedded() {
            fields.push(embedded(&field.field_type, members)?);
            continue;
        }
        let name = field.json_name.as_bytes();
        let exact = || members.iter().rev().find(|(key, _)| key.as_bytes() == name);
        let folded = || {
            members
                .iter()
                .rev()
                .find(|(key, _)| key.as_bytes().eq_ignore_ascii_case(name))
        };
        fields.push(match exact().or_else(folded) {
            Some((_, json)) => typed(json, &field.field_type)?,
            None => field.field_type.zero(),
        });
    }
    Ok(Value::Struct(Arc::new(Struct {
        struct_type: struct_type.clone(),
        fields,
    })))
}

/// An embedded struct takes its fields from among those of the one around it; a pointer to one stays nil without any.
fn embedded(of: &Type, members: &[(GoString, Json<'_>)]) -> Result<Value, DecodeError> {
    match of {
        Type::Struct(inner) => structure(inner, members),
        Type::Pointer(target) => match &**target {
            Type::Struct(inner)
                if inner
                    .fields
                    .iter()
                    .any(|field| has_member(members, &field.json_name)) =>
            {
                let target = Some(structure(inner, members)?);
                Ok(Value::Pointer(Arc::new(Pointer {
                    element: Type::Struct(inner.clone()),
                    target,
                })))
            }
            _ => Ok(of.zero()),
        },
        _ => Ok(of.zero()),
    }
}

fn has_member(members: &[(GoString, Json<'_>)], name: &str) -> bool {
    members
        .iter()
        .any(|(key, _)| key.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
}

fn time(text: &GoString) -> Option<GoTime> {
    let text = text.to_string();
    let moment: jiff::Timestamp = text.parse().ok()?;
    let zone = match jiff::fmt::temporal::Pieces::parse(&text)
        .ok()?
        .to_numeric_offset()
    {
        Some(offset) if !offset.is_zero() => jiff::tz::TimeZone::fixed(offset),
        _ => jiff::tz::TimeZone::UTC,
    };
    Some(GoTime::new(moment, zone))
}

fn kind(json: &Json<'_>) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}
