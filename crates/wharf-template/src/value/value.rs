//! The data that a template is given: an enum with the kinds of Go's reflection, cheap to clone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::text::GoString;
use super::time::GoTime;
use super::types::{MapType, StructType, Type};

/// A value with a Go type.
#[derive(Clone, Debug)]
pub enum Value {
    /// An interface that holds nothing: JSON's `null` where the type is [`Type::Any`].
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `uint`.
    Uint(u64),
    /// `float64`.
    Float(f64),
    /// `complex128`; only a literal in a template makes one.
    Complex(f64, f64),
    /// `string`.
    String(GoString),
    /// `time.Time`.
    Time(GoTime),
    /// A slice.
    List(Arc<List>),
    /// A map.
    Map(Arc<Map>),
    /// A struct.
    Struct(Arc<Struct>),
    /// A pointer.
    Pointer(Arc<Pointer>),
    /// A value of a type with a name of its own, such as `int64` or `nat.Port`.
    Named(Arc<Named>),
    /// Something whose fields are computed when a template asks for them.
    Object(Arc<dyn TemplateContext>),
}

/// Fields that are computed when asked for: the methods of Docker's formatter contexts.
pub trait TemplateContext: fmt::Debug + Send + Sync {
    /// The name that errors give to the type, such as `*formatter.imageContext`.
    fn type_name(&self) -> &str;

    /// The value of the method `name` that takes no argument; nothing if there is none.
    fn field(&self, name: &str) -> Option<Value>;

    /// The value of the method `name` that takes one string (`.Label "key"`); nothing if there is none.
    fn call(&self, name: &str, argument: &GoString) -> Option<Value> {
        let _ = (name, argument);
        None
    }

    /// The names that `{{json .}}` prints, in the order in which it does: Docker sorts the names of methods, and has the
    /// fields of structs in the order of their declaration.
    fn json_fields(&self) -> Vec<&str>;
}

/// A slice: `None` is a nil slice, which prints as an empty one, but as `null` in JSON.
#[derive(Clone, Debug)]
pub struct List {
    pub(crate) element: Type,
    pub(crate) items: Option<Vec<Value>>,
}

/// A map, sorted by key as templates and JSON show it; `None` is a nil map.
#[derive(Clone, Debug)]
pub struct Map {
    pub(crate) map_type: Arc<MapType>,
    pub(crate) entries: Option<BTreeMap<GoString, Value>>,
}

/// A struct: as many values as its type has fields.
#[derive(Clone, Debug)]
pub struct Struct {
    pub(crate) struct_type: Arc<StructType>,
    pub(crate) fields: Vec<Value>,
}

/// A pointer, perhaps nil.
#[derive(Clone, Debug)]
pub struct Pointer {
    pub(crate) element: Type,
    pub(crate) target: Option<Value>,
}

/// A value and the name of its type.
#[derive(Clone, Debug)]
pub struct Named {
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
}

impl Value {
    /// A `[]interface {}`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List {
            element: Type::Any,
            items: Some(items),
        }))
    }

    /// A `[]string`.
    pub fn strings<T: Into<GoString>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items
            .into_iter()
            .map(|item| Self::String(item.into()))
            .collect();
        Self::List(Arc::new(List {
            element: Type::String,
            items: Some(items),
        }))
    }

    /// A `map[string]interface {}`.
    pub fn map<K: Into<GoString>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::map_of(Type::Any, entries)
    }

    /// A `map[string]element`. Every value must have the type `element`.
    pub fn map_of<K: Into<GoString>>(
        element: Type,
        entries: impl IntoIterator<Item = (K, Self)>,
    ) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect();
        let map_type = Arc::new(MapType {
            key: Type::String,
            element,
        });
        Self::Map(Arc::new(Map {
            map_type,
            entries: Some(entries),
        }))
    }

    /// A value of a type with a name of its own.
    pub fn named(name: &str, value: Self) -> Self {
        Self::Named(Arc::new(Named {
            name: name.into(),
            value,
        }))
    }

    /// An `int64`.
    pub fn int64(number: i64) -> Self {
        Self::named("int64", Self::Int(number))
    }

    /// Something whose fields are computed when asked for.
    pub fn object(object: impl TemplateContext + 'static) -> Self {
        Self::Object(Arc::new(object))
    }

    /// Its type; nothing for [`Value::Nil`], which has none.
    pub fn type_of(&self) -> Option<Type> {
        Some(match self {
            Self::Nil => return None,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Float(_) => Type::Float,
            Self::Complex(..) => Type::Complex,
            Self::String(_) => Type::String,
            Self::Time(_) => Type::Time,
            Self::List(list) => Type::list(list.element.clone()),
            Self::Map(map) => Type::Map(map.map_type.clone()),
            Self::Struct(of) => Type::Struct(of.struct_type.clone()),
            Self::Pointer(pointer) => Type::pointer(pointer.element.clone()),
            Self::Named(named) => Type::named(&named.name, named.value.type_of()?),
            Self::Object(object) => Type::Object(object.type_name().into()),
        })
    }

    /// The value without the name of its type.
    pub(crate) fn base(&self) -> &Self {
        match self {
            Self::Named(named) => named.value.base(),
            other => other,
        }
    }

    /// Whether a variable that held it would hold Go's nil.
    pub(crate) fn is_nil(&self) -> bool {
        match self.base() {
            Self::Nil => true,
            Self::List(list) => list.items.is_none(),
            Self::Map(map) => map.entries.is_none(),
            Self::Pointer(pointer) => pointer.target.is_none(),
            _ => false,
        }
    }

    /// What `if` thinks of it.
    pub(crate) fn is_true(&self) -> bool {
        match self.base() {
            Self::Nil => false,
            Self::Bool(of) => *of,
            Self::Int(of) => *of != 0,
            Self::Uint(of) => *of != 0,
            Self::Float(of) => *of != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::String(of) => !of.is_empty(),
            Self::List(list) => !list.items().is_empty(),
            Self::Map(map) => map
                .entries
                .as_ref()
                .is_some_and(|entries| !entries.is_empty()),
            Self::Pointer(pointer) => pointer.target.is_some(),
            Self::Time(_) | Self::Struct(_) | Self::Named(_) | Self::Object(_) => true,
        }
    }
}

impl List {
    /// The items; none of a nil slice.
    pub fn items(&self) -> &[Value] {
        self.items.as_deref().unwrap_or_default()
    }
}

impl Map {
    /// The entry under `key`.
    pub fn get(&self, key: &GoString) -> Option<&Value> {
        self.entries.as_ref()?.get(key)
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&GoString, &Value)> {
        self.entries.iter().flatten()
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, BTreeMap::len)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A key as a value of the key type.
    pub(crate) fn key_value(&self, key: &GoString) -> Value {
        match &self.map_type.key {
            Type::Named(named) => Value::named(&named.name, Value::String(key.clone())),
            _ => Value::String(key.clone()),
        }
    }
}

/// A field of a struct that was found.
pub(crate) struct FoundField<'a> {
    pub(crate) value: &'a Value,
    pub(crate) field_type: &'a Type,
}

impl Struct {
    /// The field `name`, of this struct first, then of the embedded ones. An embedded nil pointer has no fields.
    pub(crate) fn field(&self, name: &str) -> Option<FoundField<'_>> {
        let fields = || self.struct_type.fields.iter().zip(&self.fields);
        if let Some((field, value)) = fields().find(|(field, _)| *field.name == *name) {
            return Some(FoundField {
                value,
                field_type: &field.field_type,
            });
        }
        fields()
            .filter(|(field, _)| field.is_embedded())
            .find_map(|(_, value)| match value.base() {
                Value::Struct(inner) => inner.field(name),
                Value::Pointer(pointer) => match pointer.target.as_ref()?.base() {
                    Value::Struct(inner) => inner.field(name),
                    _ => None,
                },
                _ => None,
            })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(of: bool) -> Self {
        Self::Bool(of)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}
