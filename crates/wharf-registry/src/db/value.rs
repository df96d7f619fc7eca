//! What goes into statements and comes out of rows: the types that both databases have.

/// One value. Times are microseconds since 1970, booleans 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Absent.
    Null,
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Value>);

/// What a column of a [`Row`] can be read as.
pub trait FromValue: Sized {
    /// Gives the value back if it is of another type.
    fn from_value(value: Value) -> Result<Self, Value>;
}

impl Row {
    /// A row of these columns.
    pub fn new(columns: Vec<Value>) -> Self {
        Self(columns)
    }

    /// All columns.
    pub fn into_columns(self) -> Vec<Value> {
        self.0
    }

    /// Takes the column `index` out.
    ///
    /// # Panics
    /// When the statement has no such column, or one of another type: a mistake in this folder, not in its input.
    pub fn take<T: FromValue>(&mut self, index: usize) -> T {
        let column = self
            .0
            .get_mut(index)
            .map(|column| std::mem::replace(column, Value::Null));
        match column.map(T::from_value) {
            Some(Ok(value)) => value,
            Some(Err(value)) => panic!("column {index} is {value:?}, not what its statement says"),
            None => panic!("there is no column {index}"),
        }
    }
}

macro_rules! value_type {
    ($rust:ty, $variant:ident, $into:expr, $from:expr) => {
        impl From<$rust> for Value {
            fn from(value: $rust) -> Self {
                Self::$variant($into(value))
            }
        }
        impl FromValue for $rust {
            fn from_value(value: Value) -> Result<Self, Value> {
                match value {
                    Value::$variant(inner) => Ok($from(inner)),
                    other => Err(other),
                }
            }
        }
    };
}

value_type!(i64, Integer, |value| value, |value| value);
value_type!(bool, Integer, i64::from, |value| value != 0);
value_type!(String, Text, |value| value, |value| value);
value_type!(Vec<u8>, Bytes, |value| value, |value| value);
// Sizes and counts: no file system and no table holds more than fits in 63 bits.
value_type!(
    u64,
    Integer,
    |value| i64::try_from(value).unwrap_or(i64::MAX),
    |value| u64::try_from(value).unwrap_or(0)
);

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Null => Ok(None),
            present => T::from_value(present).map(Some),
        }
    }
}
