//! Numbered pages of lists, filtered and sorted by what a client may name.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::sql::{Sql, SqlError};
use super::value::{Row, Value};
use crate::listing::{Condition, ListRequest, ListRequestError, Page};

/// A field of a list that can be filtered and sorted by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// As the API calls it.
    pub(super) name: &'static str,
    /// The expression it stands for.
    pub(super) column: &'static str,
    /// What values it has.
    pub(super) kind: FieldKind,
}

/// What values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A time, in the database microseconds since 1970.
    Time,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The list cannot be had like that.
    #[error(transparent)]
    Request(#[from] ListRequestError),
    /// The database failed.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// A statement for a list, as it grows. What clients write goes in as parameters only.
#[derive(Debug)]
pub(super) struct Listing {
    columns: String,
    from: String,
    conditions: Vec<String>,
    parameters: Vec<Value>,
    total: Option<u64>,
}

impl Listing {
    /// A list of `columns` out of `from`, which may join tables.
    pub(super) fn new(columns: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            columns: columns.into(),
            from: from.into(),
            conditions: Vec::new(),
            parameters: Vec::new(),
            total: None,
        }
    }

    /// How long the list is without what a request filters by, where that is known: counting is most of the work of a page.
    pub(super) fn known_total(&mut self, total: Option<u64>) {
        self.total = total;
    }

    /// Only entries for which `condition` holds.
    pub(super) fn filter(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// Only entries for which `condition` holds, in which `{}` stands for `value`.
    pub(super) fn filter_by(&mut self, condition: &str, value: impl Into<Value>) {
        self.parameters.push(value.into());
        let parameter = format!("${}", self.parameters.len());
        self.conditions.push(condition.replace("{}", &parameter));
    }

    /// Only entries for which `condition` holds, in which `{}` stands for a list of all of `values`.
    pub(super) fn filter_by_any(&mut self, condition: &str, values: &[String]) {
        let mut places = Vec::new();
        for value in values {
            self.parameters.push(value.into());
            places.push(format!("${}", self.parameters.len()));
        }
        self.conditions
            .push(condition.replace("{}", &places.join(", ")));
    }

    /// Reads the wanted page, and how long the whole list is. `order` is the list's own, and makes every order complete.
    pub(super) fn read<T>(
        mut self,
        sql: &mut dyn Sql,
        request: &ListRequest,
        fields: &[Field],
        order: &str,
        entry: impl FnMut(Row) -> T,
    ) -> Result<Page<T>, ListError> {
        for filter in &request.filters {
            let field = find(fields, &filter.field)?;
            self.apply(field, &filter.condition)?;
        }
        let mut keys = Vec::new();
        for key in &request.sort {
            keys.push((find(fields, &key.field)?.column, key.descending));
        }
        keys.extend(
            order
                .split(", ")
                .map(|key| match key.strip_suffix(" DESC") {
                    Some(column) => (column, true),
                    None => (key, false),
                }),
        );
        let (columns, from) = (self.columns, self.from);
        let condition = match self.conditions.as_slice() {
            [] => "1 = 1".to_owned(),
            conditions => conditions.join(" AND "),
        };
        let known = self.total.filter(|_| request.filters.is_empty());
        let total: u64 = match known {
            Some(total) => total,
            None => sql
                .query_value(
                    &format!("SELECT COUNT(*) FROM {from} WHERE {condition}"),
                    &self.parameters,
                )?
                .unwrap_or(0),
        };
        let stretch = Stretch::of(request, total);
        let order: Vec<String> = keys
            .into_iter()
            .map(|(column, descending)| {
                let direction = if descending == stretch.from_behind {
                    "ASC"
                } else {
                    "DESC"
                };
                format!("{column} {direction}")
            })
            .collect();
        let next = self.parameters.len() + 1;
        self.parameters.push(stretch.length.into());
        self.parameters.push(stretch.skipped.into());
        let rows = sql.query(
            &format!(
                "SELECT {columns} FROM {from} WHERE {condition} ORDER BY {} \
                 LIMIT ${next} OFFSET ${}",
                order.join(", "),
                next + 1
            ),
            &self.parameters,
        )?;
        let mut items: Vec<T> = rows.into_iter().map(entry).collect();
        if stretch.from_behind {
            items.reverse();
        }
        Ok(Page { items, total })
    }

    fn apply(&mut self, field: &Field, condition: &Condition) -> Result<(), ListRequestError> {
        let column = field.column;
        match condition {
            Condition::Exact(text) => {
                self.filter_by(&format!("{column} = {{}}"), field.value(text)?);
            }
            Condition::Fuzzy(text) if field.kind == FieldKind::Text => {
                self.filter_by(&contains(column), contained(text));
            }
            Condition::Fuzzy(text) => return Err(field.no_value(text)),
            Condition::Range(low, high) => {
                if let Some(low) = low {
                    self.filter_by(&format!("{column} >= {{}}"), field.value(low)?);
                }
                if let Some(high) = high {
                    self.filter_by(&format!("{column} <= {{}}"), field.value(high)?);
                }
            }
            Condition::AnyOf(texts) => {
                let mut places = Vec::new();
                for text in texts {
                    self.parameters.push(field.value(text)?);
                    places.push(format!("${}", self.parameters.len()));
                }
                self.filter(format!("{column} IN ({})", places.join(", ")));
            }
            Condition::AllOf(texts) => {
                for text in texts {
                    self.filter_by(&format!("{column} = {{}}"), field.value(text)?);
                }
            }
        }
        Ok(())
    }
}

/// Where a page lies. What comes before it has to be walked through, so a page of the further half is read from the end.
#[derive(Debug, PartialEq, Eq)]
struct Stretch {
    skipped: u64,
    length: u64,
    from_behind: bool,
}

impl Stretch {
    fn of(request: &ListRequest, total: u64) -> Self {
        let before = request.offset().min(total);
        let length = request.page_size.min(total - before);
        let behind = total - before - length;
        let from_behind = behind < before;
        Self {
            skipped: before.min(behind),
            length,
            from_behind,
        }
    }
}

/// The condition that a column has the text of `{}` in it, which [`contained`] makes.
pub(super) fn contains(column: &str) -> String {
    format!("LOWER({column}) LIKE LOWER({{}}) ESCAPE '\\'")
}

/// The pattern of LIKE for a text that is somewhere within.
pub(super) fn contained(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn find<'a>(fields: &'a [Field], name: &str) -> Result<&'a Field, ListRequestError> {
    let found = fields.iter().find(|field| field.name == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        ListRequestError::Field {
            field: name.chars().take(100).collect(),
            known: known.join(", "),
        }
    })
}

impl Field {
    /// A field of this name for an expression.
    pub(super) const fn new(name: &'static str, column: &'static str, kind: FieldKind) -> Self {
        Self { name, column, kind }
    }

    fn value(&self, text: &str) -> Result<Value, ListRequestError> {
        let value = match self.kind {
            FieldKind::Text => Some(Value::from(text)),
            FieldKind::Number => text.parse().ok().map(Value::Integer),
            FieldKind::Flag => match text {
                "true" | "1" => Some(Value::from(true)),
                "false" | "0" => Some(Value::from(false)),
                _ => None,
            },
            FieldKind::Time => time(text).map(Value::Integer),
        };
        value.ok_or_else(|| self.no_value(text))
    }

    fn no_value(&self, text: &str) -> ListRequestError {
        ListRequestError::Value {
            field: self.name.to_owned(),
            value: text.chars().take(100).collect(),
        }
    }
}

/// A time as clients write it: RFC 3339, or without a zone, which is UTC then, or a day.
fn time(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_microsecond());
    }
    let civil: DateTime = text
        .parse()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_clients_write_them() {
        let noon = Some(1_586_433_600_000_000);
        for text in [
            "2020-04-09T12:00:00Z",
            "2020-04-09T14:00:00+02:00",
            "2020-04-09 12:00:00",
        ] {
            assert_eq!(time(text), noon, "{text}");
        }
        assert_eq!(time("2020-04-09"), noon.map(|noon| noon - 43_200_000_000));
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn a_page_is_read_from_the_nearer_end() {
        let stretch = |page, total| {
            let page_size = 10;
            let request = ListRequest {
                page,
                page_size,
                ..ListRequest::default()
            };
            let stretch = Stretch::of(&request, total);
            (stretch.skipped, stretch.length, stretch.from_behind)
        };
        assert_eq!(stretch(1, 0), (0, 0, false));
        assert_eq!(stretch(1, 7), (0, 7, false));
        assert_eq!(stretch(1, 100), (0, 10, false));
        assert_eq!(stretch(5, 100), (40, 10, false));
        assert_eq!(stretch(6, 100), (40, 10, true));
        assert_eq!(stretch(10, 95), (0, 5, true));
        assert_eq!(stretch(11, 95), (0, 0, true));
        assert_eq!(stretch(1000, 95), (0, 0, true));
    }

    #[test]
    fn a_text_to_be_found_is_no_pattern() {
        assert_eq!(contained(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
