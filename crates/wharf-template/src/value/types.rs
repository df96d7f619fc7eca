//! Go's types, as far as a template can tell them apart: in error texts, in `%T`, in what an absent entry is.

use std::fmt;
use std::sync::Arc;

use super::Value;
use super::value::{List, Map, Named, Pointer, Struct};

/// A Go type.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// `interface {}`: anything, nil too.
    Any,
    /// `bool`.
    Bool,
    /// `int`; Go's other signed integers are this under a name ([`Type::int64`]).
    Int,
    /// `uint`; as above.
    Uint,
    /// `float64`.
    Float,
    /// `complex128`.
    Complex,
    /// `string`.
    String,
    /// `time.Time`.
    Time,
    /// `[]T`.
    List(Arc<Self>),
    /// `map[K]T`, where K is `string` or a type made of it.
    Map(Arc<MapType>),
    /// `*T`.
    Pointer(Arc<Self>),
    /// A struct.
    Struct(Arc<StructType>),
    /// A type with a name of its own, such as `nat.Port`, and what it is made of.
    Named(Arc<NamedType>),
    /// The type of a [`super::TemplateContext`].
    Object(Arc<str>),
}

/// Key and element of a map type.
#[derive(Clone, Debug, PartialEq)]
pub struct MapType {
    /// [`Type::String`], or a named type made of it.
    pub key: Type,
    /// What the map holds.
    pub element: Type,
}

/// The name of a type and what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedType {
    /// As `%T` shows it: `nat.Port`.
    pub name: Arc<str>,
    /// Never a struct, which has its name in itself.
    pub underlying: Type,
}

/// A struct type: its name as `%T` shows it, and its fields in order.
#[derive(Clone, Debug, PartialEq)]
pub struct StructType {
    pub(crate) name: Arc<str>,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) json_name: Arc<str>,
    pub(crate) presence: Presence,
    pub(crate) field_type: Type,
}

/// How a field stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    /// `omitempty`.
    NotEmpty,
    /// Its fields stand there instead of it.
    Embedded,
}

impl Field {
    pub(crate) fn is_embedded(&self) -> bool {
        self.presence == Presence::Embedded
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.presence == Presence::NotEmpty
    }
}

impl Type {
    /// `int64`.
    pub fn int64() -> Self {
        Self::named("int64", Self::Int)
    }

    /// `[]element`.
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// `map[string]element`.
    pub fn map(element: Self) -> Self {
        Self::map_by(Self::String, element)
    }

    /// `map[key]element`; `key` must be made of a string.
    pub fn map_by(key: Self, element: Self) -> Self {
        Self::Map(Arc::new(MapType { key, element }))
    }

    /// `*target`.
    pub fn pointer(target: Self) -> Self {
        Self::Pointer(Arc::new(target))
    }

    /// `type name underlying`.
    pub fn named(name: &str, underlying: Self) -> Self {
        Self::Named(Arc::new(NamedType {
            name: name.into(),
            underlying,
        }))
    }

    /// What a named type is made of; other types are themselves.
    pub(crate) fn underlying(&self) -> &Self {
        match self {
            Self::Named(named) => named.underlying.underlying(),
            other => other,
        }
    }

    /// The value that a variable of this type starts with.
    pub fn zero(&self) -> Value {
        match self {
            Self::Any | Self::Object(_) => Value::Nil,
            Self::Bool => Value::Bool(false),
            Self::Int => Value::Int(0),
            Self::Uint => Value::Uint(0),
            Self::Float => Value::Float(0.0),
            Self::Complex => Value::Complex(0.0, 0.0),
            Self::String => Value::from(""),
            Self::Time => Value::Time(super::GoTime::zero()),
            Self::List(element) => Value::List(Arc::new(List {
                element: (**element).clone(),
                items: None,
            })),
            Self::Map(map) => Value::Map(Arc::new(Map {
                map_type: map.clone(),
                entries: None,
            })),
            Self::Pointer(target) => Value::Pointer(Arc::new(Pointer {
                element: (**target).clone(),
                target: None,
            })),
            Self::Struct(struct_type) => Value::Struct(Arc::new(Struct {
                struct_type: struct_type.clone(),
                fields: struct_type
                    .fields
                    .iter()
                    .map(|field| field.field_type.zero())
                    .collect(),
            })),
            Self::Named(named) => Value::Named(Arc::new(Named {
                name: named.name.clone(),
                value: named.underlying.zero(),
            })),
        }
    }

    /// Whether Go lets a value of type `self` stand where `target` is asked for.
    pub(crate) fn assignable_to(&self, target: &Self) -> bool {
        if *target == Self::Any || self == target {
            return true;
        }
        // Of two types that are made of the same, one may have a name of its own, if the other is a literal such as
        // `[]string`. `string` and `int` count as names.
        let literal = |of: &Self| matches!(of, Self::List(_) | Self::Map(_) | Self::Pointer(_));
        (literal(self) || literal(target)) && self.underlying() == target.underlying()
    }

    /// Whether Go compares two values of it with `==`.
    pub(crate) fn comparable(&self) -> bool {
        match self.underlying() {
            Self::List(_) | Self::Map(_) => false,
            Self::Struct(struct_type) => struct_type
                .fields
                .iter()
                .all(|field| field.field_type.comparable()),
            _ => true,
        }
    }
}

impl StructType {
    /// A struct with this name and no fields yet: `StructType::new("container.Config").field(...).build()`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            fields: Vec::new(),
        }
    }

    /// Adds a field; `json_name` is its key in JSON.
    #[must_use]
    pub fn field(self, name: &str, json_name: &str, field_type: Type) -> Self {
        self.add(name, json_name, field_type, Presence::Always)
    }

    /// Adds a field that JSON leaves out when it is empty (`omitempty`).
    #[must_use]
    pub fn optional_field(self, name: &str, json_name: &str, field_type: Type) -> Self {
        self.add(name, json_name, field_type, Presence::NotEmpty)
    }

    /// Adds a struct, or a pointer to one, whose fields count as fields of this one.
    #[must_use]
    pub fn embedded(self, name: &str, field_type: Type) -> Self {
        self.add(name, "", field_type, Presence::Embedded)
    }

    /// The type.
    pub fn build(self) -> Type {
        Type::Struct(Arc::new(self))
    }

    fn add(mut self, name: &str, json_name: &str, field_type: Type, presence: Presence) -> Self {
        self.fields.push(Field {
            name: name.into(),
            json_name: json_name.into(),
            presence,
            field_type,
        });
        self
    }
}

/// As Go's `%T` prints it.
impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("interface {}"),
            Self::Bool => formatter.write_str("bool"),
            Self::Int => formatter.write_str("int"),
            Self::Uint => formatter.write_str("uint"),
            Self::Float => formatter.write_str("float64"),
            Self::Complex => formatter.write_str("complex128"),
            Self::String => formatter.write_str("string"),
            Self::Time => formatter.write_str("time.Time"),
            Self::List(element) => write!(formatter, "[]{element}"),
            Self::Map(map) => write!(formatter, "map[{}]{}", map.key, map.element),
            Self::Pointer(target) => write!(formatter, "*{target}"),
            Self::Struct(struct_type) => formatter.write_str(&struct_type.name),
            Self::Named(named) => formatter.write_str(&named.name),
            Self::Object(name) => formatter.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_gos() {
        for (of, expected) in [
            (Type::list(Type::Any), "[]interface {}"),
            (Type::map(Type::list(Type::String)), "map[string][]string"),
            (
                Type::pointer(StructType::new("container.Config").build()),
                "*container.Config",
            ),
            (
                Type::map_by(Type::named("nat.Port", Type::String), Type::int64()),
                "map[nat.Port]int64",
            ),
        ] {
            assert_eq!(of.to_string(), expected);
        }
    }

    #[test]
    fn assignable_as_in_go() {
        let commands = Type::named("strslice.StrSlice", Type::list(Type::String));
        assert!(commands.assignable_to(&Type::list(Type::String)));
        assert!(!Type::named("json.Number", Type::String).assignable_to(&Type::String));
        assert!(!Type::list(Type::Any).assignable_to(&Type::list(Type::String)));
        assert!(Type::Int.assignable_to(&Type::Any));
    }
}
