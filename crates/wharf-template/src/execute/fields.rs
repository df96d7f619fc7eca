//! Fields, entries and methods: `.A.B`.

use std::sync::Arc;

use super::arguments::validate;
use super::error::ExecuteReason;
use super::operand::Operand;
use super::state::{Execution, MissingKey, Run};
use crate::functions::Parameter;
use crate::parse::Term;
use crate::print::quote;
use crate::value::{GoString, GoTime, StructType, TemplateContext, Type, Value};

/// What may follow the last field of a chain: arguments, and the value that the pipeline hands on.
#[derive(Clone)]
pub(super) struct Arguments<'t> {
    pub(super) terms: &'t [Term],
    pub(super) last: Option<Operand>,
}

impl Arguments<'_> {
    pub(super) const NONE: Self = Arguments {
        terms: &[],
        last: None,
    };

    pub(super) fn count(&self) -> usize {
        self.terms.len() + usize::from(self.last.is_some())
    }
}

impl<'t> Execution<'t> {
    /// Fields of fields; only the last one may have arguments.
    pub(super) fn field_chain(
        &mut self,
        dot: &Operand,
        receiver: Operand,
        names: &[Arc<str>],
        arguments: &Arguments<'t>,
    ) -> Run<Operand> {
        let mut value = receiver;
        for (index, name) in names.iter().enumerate() {
            let is_last = index + 1 == names.len();
            value = self.field(
                dot,
                value,
                name,
                if is_last { arguments } else { &Arguments::NONE },
            )?;
        }
        Ok(value)
    }

    fn field(
        &mut self,
        dot: &Operand,
        receiver: Operand,
        name: &str,
        arguments: &Arguments<'t>,
    ) -> Run<Operand> {
        self.budget.step()?;
        let Some(static_type) = receiver.static_type() else {
            return match self.setting.missing_key {
                MissingKey::Error => Err(ExecuteReason::NilData {
                    key: quote(name.as_bytes()),
                }),
                MissingKey::NoValue => Ok(Operand::Invalid),
            };
        };
        let no_field = || ExecuteReason::NoField {
            field: name.to_owned(),
            of_type: static_type.to_string(),
        };
        let nil = || ExecuteReason::NilPointer {
            of_type: static_type.to_string(),
            field: name.to_owned(),
        };
        let (receiver, _) = receiver.indirect();
        let Some(value) = receiver.value() else {
            return Err(nil());
        };
        match value.base() {
            Value::Object(object) => self
                .method(dot, &object.clone(), name, arguments)?
                .ok_or_else(no_field),
            Value::Time(time) => {
                let found = time_method(time, name).ok_or_else(no_field)?;
                no_arguments(name, arguments)?;
                Ok(Operand::Concrete(found))
            }
            Value::Struct(of) => {
                let found = of.field(name).ok_or_else(no_field)?;
                if arguments.count() > 0 {
                    return Err(ExecuteReason::FieldWithArguments {
                        field: name.to_owned(),
                    });
                }
                Ok(Operand::element(found.field_type, found.value))
            }
            Value::Map(map) if map.map_type.key == Type::String => {
                if arguments.count() > 0 {
                    return Err(ExecuteReason::EntryWithArguments {
                        field: name.to_owned(),
                    });
                }
                match (map.get(&GoString::from(name)), self.setting.missing_key) {
                    (Some(found), _) => Ok(Operand::element(&map.map_type.element, found)),
                    (None, MissingKey::NoValue) => Ok(Operand::Invalid),
                    (None, MissingKey::Error) => Err(ExecuteReason::MissingKey {
                        key: quote(name.as_bytes()),
                    }),
                }
            }
            // Only a nil pointer is still a pointer here.
            Value::Pointer(pointer) => match &pointer.element {
                Type::Struct(struct_type) if !has_field(struct_type, name) => Err(no_field()),
                _ => Err(nil()),
            },
            _ => Err(no_field()),
        }
    }

    /// A method of a context: without arguments, or with one string. Nothing if there is none of this name.
    fn method(
        &mut self,
        dot: &Operand,
        object: &Arc<dyn TemplateContext>,
        name: &str,
        arguments: &Arguments<'t>,
    ) -> Run<Option<Operand>> {
        if let Some(value) = object.field(name) {
            no_arguments(name, arguments)?;
            return Ok(Some(Operand::concrete(value)));
        }
        if object.call(name, &GoString::from("")).is_none() {
            return Ok(None);
        }
        if arguments.count() != 1 {
            return Err(ExecuteReason::WrongArguments {
                name: name.to_owned(),
                wanted: 1,
                given: arguments.count(),
            });
        }
        let argument = match (arguments.terms.first(), &arguments.last) {
            (Some(term), _) => self.argument(dot, Parameter::Text, term)?,
            (None, Some(last)) => validate(last.clone(), Parameter::Text)?,
            (None, None) => Operand::Invalid,
        };
        match argument.value().map(Value::base) {
            Some(Value::String(text)) => Ok(object.call(name, text).map(Operand::concrete)),
            _ => Ok(None),
        }
    }
}

fn no_arguments(name: &str, arguments: &Arguments<'_>) -> Run<()> {
    match arguments.count() {
        0 => Ok(()),
        given => Err(ExecuteReason::WrongArguments {
            name: name.to_owned(),
            wanted: 0,
            given,
        }),
    }
}

fn has_field(struct_type: &StructType, name: &str) -> bool {
    struct_type.fields.iter().any(|field| {
        *field.name == *name
            || field.is_embedded()
                && match &field.field_type {
                    Type::Struct(inner) => has_field(inner, name),
                    Type::Pointer(target) => {
                        matches!(&**target, Type::Struct(inner) if has_field(inner, name))
                    }
                    _ => false,
                }
    })
}

/// The methods of `time.Time` that need no argument and that templates use.
fn time_method(time: &GoTime, name: &str) -> Option<Value> {
    let moment = time.timestamp();
    Some(match name {
        "String" => Value::from(time.to_go_string()),
        "Unix" => Value::int64(moment.as_second()),
        "UnixMilli" => Value::int64(moment.as_millisecond()),
        "UnixNano" => Value::int64(i64::try_from(moment.as_nanosecond()).unwrap_or(i64::MIN)),
        "IsZero" => Value::Bool(*time == GoTime::zero()),
        _ => return None,
    })
}
