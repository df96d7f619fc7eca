//! What a pipeline hands on: Go's `reflect.Value`, which can be a value, an interface that holds one, or nothing.

use crate::value::{Type, Value};

/// The result of a part of a pipeline.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// Nothing at all: a key that is not there. Prints as `<no value>`.
    Invalid,
    /// A value of a type that is known. Never [`Value::Nil`].
    Concrete(Value),
    /// What stands in a `map[string]interface {}` or `[]interface {}`: [`Value::Nil`], or a value, whose type the
    /// errors of Go do not see.
    Interface(Value),
}

impl Operand {
    /// A value that is not wrapped by an interface.
    pub(crate) fn concrete(value: Value) -> Self {
        if matches!(value, Value::Nil) {
            Self::Invalid
        } else {
            Self::Concrete(value)
        }
    }

    /// What was taken out of something whose elements are of type `element`.
    pub(crate) fn element(element: &Type, value: &Value) -> Self {
        if *element == Type::Any {
            Self::Interface(value.clone())
        } else {
            Self::concrete(value.clone())
        }
    }

    /// What an interface holds.
    pub(crate) fn unwrapped(self) -> Self {
        match self {
            Self::Interface(value) => Self::concrete(value),
            other => other,
        }
    }

    /// The value; nil where there is none.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Invalid => Value::Nil,
            Self::Concrete(value) | Self::Interface(value) => value,
        }
    }

    /// The value; nothing where there is none.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Invalid | Self::Interface(Value::Nil) => None,
            Self::Concrete(value) | Self::Interface(value) => Some(value),
        }
    }

    /// The type that errors name; nothing if there is no value.
    pub(crate) fn static_type(&self) -> Option<Type> {
        match self {
            Self::Invalid => None,
            Self::Interface(_) => Some(Type::Any),
            Self::Concrete(value) => value.type_of(),
        }
    }

    /// What `if` thinks of it.
    pub(crate) fn is_true(&self) -> bool {
        self.value().is_some_and(Value::is_true)
    }

    /// What stands at the end of its pointers, and whether one of them is nil. The last nil is what comes back then.
    pub(crate) fn indirect(self) -> (Self, bool) {
        let mut operand = self;
        loop {
            operand = match operand {
                Self::Interface(Value::Nil) => return (operand, true),
                Self::Interface(value) => Self::Concrete(value),
                Self::Concrete(ref value) => match value.base() {
                    Value::Pointer(pointer) => match &pointer.target {
                        Some(target) => Self::element(&pointer.element, target),
                        None => return (operand, true),
                    },
                    _ => return (operand, false),
                },
                Self::Invalid => return (operand, false),
            };
        }
    }

    /// What is printed: the target of a pointer. Nothing stands for what is not there.
    pub(crate) fn printable(self) -> Option<Value> {
        let is_pointer =
            matches!(&self, Self::Concrete(value) if matches!(value.base(), Value::Pointer(_)));
        match if is_pointer { self.indirect().0 } else { self } {
            Self::Invalid => None,
            Self::Concrete(value) | Self::Interface(value) => Some(value),
        }
    }
}
