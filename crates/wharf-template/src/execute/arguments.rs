//! Pipelines, commands and the arguments of functions.

use super::error::ExecuteReason;
use super::fields::Arguments;
use super::operand::Operand;
use super::state::{Execution, Place, Run};
use super::walk::show;
use crate::functions::{Failure, Function, Parameter};
use crate::parse::{Command, Number, Pipeline, Term, Variable};
use crate::print::quote;
use crate::value::{Type, Value};

impl<'t> Execution<'t> {
    /// The value of a pipeline. What it declares stays on the stack of variables.
    pub(super) fn pipeline(&mut self, dot: &Operand, pipeline: &'t Pipeline) -> Run<Operand> {
        self.place = Some(Place::Pipeline(pipeline));
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(dot, command, last)?.unwrapped());
        }
        let value = last.unwrap_or(Operand::Invalid);
        for name in &pipeline.declarations {
            if pipeline.is_assignment {
                self.set_variable(name, value.clone())?;
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        dot: &Operand,
        command: &'t Command,
        last: Option<Operand>,
    ) -> Run<Operand> {
        self.budget.step()?;
        let Some((first, rest)) = command.terms.split_first() else {
            return Ok(Operand::Invalid);
        };
        let arguments = Arguments { terms: rest, last };
        match first {
            Term::Field { names, .. } => {
                self.place = Some(Place::Term(first));
                self.field_chain(dot, dot.clone(), names, &arguments)
            }
            Term::Chain { of, names, .. } => {
                self.place = Some(Place::Term(first));
                self.chain(dot, of, names, &arguments)
            }
            Term::Function { name, .. } => {
                self.function(dot, first, name, Place::Command(command), &arguments)
            }
            Term::Pipeline(pipeline) => {
                not_a_function(first, &arguments)?;
                self.pipeline(dot, pipeline)
            }
            Term::Variable(variable) => self.variable_chain(dot, first, variable, &arguments),
            Term::Dot { .. }
            | Term::Nil { .. }
            | Term::Bool { .. }
            | Term::Number { .. }
            | Term::Text { .. } => {
                self.place = Some(Place::Term(first));
                not_a_function(first, &arguments)?;
                self.literal(dot, first)
            }
        }
    }

    fn literal(&mut self, dot: &Operand, term: &'t Term) -> Run<Operand> {
        Ok(match term {
            Term::Dot { .. } => dot.clone(),
            Term::Bool { value, .. } => Operand::Concrete(Value::Bool(*value)),
            Term::Text { text, .. } => Operand::Concrete(Value::String(text.clone())),
            Term::Number { number, .. } => {
                self.place = Some(Place::Term(term));
                Operand::Concrete(constant(number)?)
            }
            _ => return Err(ExecuteReason::NilCommand),
        })
    }

    fn chain(
        &mut self,
        dot: &Operand,
        of: &'t Term,
        names: &[std::sync::Arc<str>],
        arguments: &Arguments<'t>,
    ) -> Run<Operand> {
        self.place = Some(Place::Term(of));
        let receiver = self.inner(dot, of)?;
        self.field_chain(dot, receiver, names, arguments)
    }

    fn variable_chain(
        &mut self,
        dot: &Operand,
        term: &'t Term,
        variable: &'t Variable,
        arguments: &Arguments<'t>,
    ) -> Run<Operand> {
        self.place = Some(Place::Term(term));
        let value = self.variable(&variable.name)?;
        if variable.fields.is_empty() {
            not_a_function(term, arguments)?;
            return Ok(value);
        }
        self.field_chain(dot, value, &variable.fields, arguments)
    }

    /// A term that stands inside of another one and is not a literal.
    fn inner(&mut self, dot: &Operand, term: &'t Term) -> Run<Operand> {
        match term {
            Term::Field { names, .. } => {
                self.field_chain(dot, dot.clone(), names, &Arguments::NONE)
            }
            Term::Variable(variable) => self.variable_chain(dot, term, variable, &Arguments::NONE),
            Term::Pipeline(pipeline) => self.pipeline(dot, pipeline),
            Term::Function { name, .. } => {
                self.function(dot, term, name, Place::Term(term), &Arguments::NONE)
            }
            Term::Chain { of, names, .. } => self.chain(dot, of, names, &Arguments::NONE),
            _ => self.literal(dot, term),
        }
    }

    /// Calls the function that `term` names; `call` is the part that an error of the function itself names.
    fn function(
        &mut self,
        dot: &Operand,
        term: &'t Term,
        name: &str,
        call: Place<'t>,
        arguments: &Arguments<'t>,
    ) -> Run<Operand> {
        self.place = Some(Place::Term(term));
        let Some(function) = self.setting.functions.find(name) else {
            return Err(ExecuteReason::UndefinedFunction {
                name: quote(name.as_bytes()),
            });
        };
        check_count(&function, name, arguments)?;
        if let Some(stops_at) = function.stops_at {
            return self.short_circuit(dot, stops_at, arguments);
        }
        let mut values = Vec::with_capacity(arguments.count());
        for (index, term) in arguments.terms.iter().enumerate() {
            values.push(self.argument(dot, function.parameter(index), term)?);
        }
        if let Some(last) = &arguments.last {
            values.push(validate(
                last.clone(),
                function.parameter(arguments.terms.len()),
            )?);
        }
        if name == "call" {
            let callee = match (arguments.terms.first(), &arguments.last) {
                (Some(term), _) => term.to_string(),
                (None, last) => last.as_ref().map(show).unwrap_or_default(),
            };
            values.insert(0, Operand::Concrete(Value::from(callee)));
        }
        match (function.call)(&values, &mut self.budget) {
            Ok(value) => Ok(value),
            Err(Failure::Limit(reason)) => Err(reason),
            Err(Failure::Call(cause)) => {
                self.place = Some(call);
                Err(ExecuteReason::Call {
                    name: name.to_owned(),
                    cause,
                })
            }
        }
    }

    /// `and`, `or`: the first argument that decides, or the last one.
    fn short_circuit(
        &mut self,
        dot: &Operand,
        stops_at: bool,
        arguments: &Arguments<'t>,
    ) -> Run<Operand> {
        let mut value = Operand::Invalid;
        for term in arguments.terms {
            value = self.argument(dot, Parameter::Reflected, term)?;
            if value.is_true() == stops_at {
                return Ok(value);
            }
        }
        Ok(arguments.last.clone().unwrap_or(value))
    }

    /// An argument for `parameter`.
    pub(super) fn argument(
        &mut self,
        dot: &Operand,
        parameter: Parameter,
        term: &'t Term,
    ) -> Run<Operand> {
        self.budget.step()?;
        self.place = Some(Place::Term(term));
        match term {
            Term::Bool { .. } | Term::Number { .. } | Term::Text { .. } => {
                self.literal_argument(dot, parameter, term)
            }
            Term::Nil { .. } => match parameter {
                Parameter::Any => Ok(Operand::Interface(Value::Nil)),
                Parameter::Reflected => Ok(Operand::Invalid),
                Parameter::Strings => Ok(Operand::Concrete(parameter.go_type().zero())),
                Parameter::Text | Parameter::Int => Err(ExecuteReason::NilArgument {
                    expected: parameter.go_type().to_string(),
                }),
            },
            _ => {
                let value = self.inner(dot, term)?;
                validate(value, parameter)
            }
        }
    }

    fn literal_argument(
        &mut self,
        dot: &Operand,
        parameter: Parameter,
        term: &'t Term,
    ) -> Run<Operand> {
        let wrong = |expected| {
            Err(ExecuteReason::WrongLiteral {
                expected,
                term: term.to_string(),
            })
        };
        match (parameter, term) {
            (Parameter::Any | Parameter::Reflected, _) => self.literal(dot, term),
            (Parameter::Text, Term::Text { text, .. }) => {
                Ok(Operand::Concrete(Value::String(text.clone())))
            }
            (Parameter::Text, _) => wrong("string"),
            (Parameter::Int, Term::Number { number, .. }) if number.int.is_some() => {
                Ok(Operand::Concrete(Value::Int(number.int.unwrap_or(0))))
            }
            (Parameter::Int, _) => wrong("integer"),
            (Parameter::Strings, _) => Err(ExecuteReason::CannotHandle {
                term: term.to_string(),
                expected: parameter.go_type().to_string(),
            }),
        }
    }
}

/// Checks that `value` can be given for `parameter`.
pub(super) fn validate(value: Operand, parameter: Parameter) -> Run<Operand> {
    let expected = parameter.go_type();
    let Some(found) = value.static_type() else {
        return match parameter {
            Parameter::Any => Ok(Operand::Interface(Value::Nil)),
            Parameter::Reflected => Ok(Operand::Invalid),
            Parameter::Strings => Ok(Operand::Concrete(expected.zero())),
            Parameter::Text | Parameter::Int => Err(ExecuteReason::InvalidValue {
                expected: expected.to_string(),
            }),
        };
    };
    if matches!(parameter, Parameter::Any | Parameter::Reflected) || found.assignable_to(&expected)
    {
        return Ok(value);
    }
    let value = if value.value().is_some() {
        value.unwrapped()
    } else {
        value
    };
    let found = value.static_type().unwrap_or(Type::Any);
    if found != Type::Any && found.assignable_to(&expected) {
        return Ok(value);
    }
    if let Some(Value::Pointer(pointer)) = value.value().map(Value::base)
        && pointer.element.assignable_to(&expected)
    {
        return match &pointer.target {
            Some(target) => Ok(Operand::concrete(target.clone())),
            None => Err(ExecuteReason::NilDereference {
                expected: expected.to_string(),
            }),
        };
    }
    Err(ExecuteReason::WrongType {
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

fn not_a_function(term: &Term, arguments: &Arguments<'_>) -> Run<()> {
    if arguments.count() == 0 {
        return Ok(());
    }
    Err(ExecuteReason::ArgumentToNonFunction {
        term: term.to_string(),
    })
}

fn check_count(function: &Function, name: &str, arguments: &Arguments<'_>) -> Run<()> {
    let (wanted, given) = (function.fixed.len(), arguments.count());
    let name = name.to_owned();
    if function.variadic.is_none() && given != wanted {
        return Err(ExecuteReason::WrongArguments {
            name,
            wanted,
            given,
        });
    }
    if function.variadic.is_some() && given < wanted {
        // Go does not count the value of the pipeline here.
        return Err(ExecuteReason::TooFewArguments {
            name,
            wanted,
            given: arguments.terms.len(),
        });
    }
    Ok(())
}

/// The value of a number where any type will do: what it looks like decides.
fn constant(number: &Number) -> Run<Value> {
    if let Some((real, imaginary)) = number.complex {
        return Ok(Value::Complex(real, imaginary));
    }
    if let Some(float) = number.float
        && number.looks_like_float()
    {
        return Ok(Value::Float(float));
    }
    number
        .int
        .map(Value::Int)
        .ok_or_else(|| ExecuteReason::Overflow {
            text: number.text.to_string(),
        })
}
