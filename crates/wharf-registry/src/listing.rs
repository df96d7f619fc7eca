//! What a client wants of a list: the filters of `q`, the order of `sort`, and which page, in Harbor's notation.
//!
//! Pages are numbered, because Harbor's clients ask for them so: a page costs as much as all before it. Lists that are
//! longer than people look through are filtered by what they are sorted by.

/// Entries on a page of who does not say how many.
const PAGE_SIZE: u64 = 10;
/// Most entries on a page.
const PAGE_SIZE_LIMIT: u64 = 100;
/// The last page that can be asked for.
const PAGE_LIMIT: u64 = 10_000_000;
/// Longest `q` and `sort`, in bytes.
const TEXT_LIMIT_BYTES: usize = 4096;
/// Most filters, values in one filter, and keys to sort by.
const PART_LIMIT: usize = 64;

/// A wanted part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// What entries have to be like; all of these at once.
    pub filters: Vec<Filter>,
    /// By what they are sorted; empty for the list's own order.
    pub sort: Vec<SortKey>,
    /// Which page, from 1 on.
    pub page: u64,
    /// Entries on a page.
    pub page_size: u64,
}

/// A condition on a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The field, as the API calls it.
    pub field: String,
    /// What it has to be like.
    pub condition: Condition,
}

/// What a field has to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Just this: `k=v`.
    Exact(String),
    /// With this in it, in any case of letters: `k=~v`.
    Fuzzy(String),
    /// Within these bounds, both included: `k=[min~max]`. One of them may be absent.
    Range(Option<String>, Option<String>),
    /// One of these: `k={a b}`.
    AnyOf(Vec<String>),
    /// All of these: `k=(a b)`.
    AllOf(Vec<String>),
}

/// A field to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The field, as the API calls it.
    pub field: String,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Its entries.
    pub items: Vec<T>,
    /// How many entries all pages have together.
    pub total: u64,
}

/// Why a list cannot be had like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListRequestError {
    /// The number of a page, or of the entries on it.
    #[error("page counts from 1, and page_size goes from 1 to {PAGE_SIZE_LIMIT}")]
    Page,
    /// `q` cannot be read.
    #[error(
        "the filter {text:?} cannot be read; filters look like name=exact, name=~part, time=[from~to], id={{1 2}} or labels=(a b), with a comma between them"
    )]
    Query {
        /// What could not be read.
        text: String,
    },
    /// `sort` cannot be read.
    #[error("{text:?} cannot be sorted by; sort is a list of fields like name,-creation_time")]
    Sort {
        /// What could not be read.
        text: String,
    },
    /// The list has no such field.
    #[error("this list has no field {field:?} for that; there are: {known}")]
    Field {
        /// The field.
        field: String,
        /// Those that it has.
        known: String,
    },
    /// The field has no such values.
    #[error("{value:?} is no value of {field}")]
    Value {
        /// The field.
        field: String,
        /// What was given.
        value: String,
    },
}

impl Default for ListRequest {
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            sort: Vec::new(),
            page: 1,
            page_size: PAGE_SIZE,
        }
    }
}

impl ListRequest {
    /// Reads the parameters `q`, `sort`, `page` and `page_size`.
    pub fn parse(
        query: Option<&str>,
        sort: Option<&str>,
        page: Option<&str>,
        page_size: Option<&str>,
    ) -> Result<Self, ListRequestError> {
        Ok(Self {
            filters: parse_filters(query.unwrap_or_default())?,
            sort: parse_sort(sort.unwrap_or_default())?,
            page: number(page, 1, PAGE_LIMIT)?,
            page_size: number(page_size, PAGE_SIZE, PAGE_SIZE_LIMIT)?,
        })
    }

    /// With one more condition.
    #[must_use]
    pub fn with(mut self, field: &str, condition: Condition) -> Self {
        self.filters.push(Filter {
            field: field.to_owned(),
            condition,
        });
        self
    }

    /// Takes the first filter on `field` out, for lists that know better than the database what it means.
    pub fn take(&mut self, field: &str) -> Option<Condition> {
        let position = self
            .filters
            .iter()
            .position(|filter| filter.field == field)?;
        Some(self.filters.remove(position).condition)
    }

    /// How many entries come before the page.
    pub fn offset(&self) -> u64 {
        (self.page - 1) * self.page_size
    }
}

fn number(text: Option<&str>, default: u64, limit: u64) -> Result<u64, ListRequestError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(default);
    };
    let number: u64 = text.parse().ok().ok_or(ListRequestError::Page)?;
    if (1..=limit).contains(&number) {
        Ok(number)
    } else {
        Err(ListRequestError::Page)
    }
}

fn parse_filters(text: &str) -> Result<Vec<Filter>, ListRequestError> {
    let unreadable = |part: &str| ListRequestError::Query {
        text: part.chars().take(200).collect(),
    };
    if text.len() > TEXT_LIMIT_BYTES {
        return Err(unreadable(text));
    }
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let filters: Option<Vec<Filter>> = parts
        .clone()
        .map(|part| {
            let (field, value) = part.split_once('=')?;
            Some(Filter {
                field: field.trim().to_owned(),
                condition: parse_condition(value.trim())?,
            })
        })
        .collect();
    match filters {
        Some(filters) if filters.len() <= PART_LIMIT => Ok(filters),
        _ => Err(unreadable(text)),
    }
}

fn parse_condition(text: &str) -> Option<Condition> {
    if let Some(part) = text.strip_prefix('~') {
        return Some(Condition::Fuzzy(unquoted(part)));
    }
    if let Some(range) = enclosed(text, '[', ']') {
        let (low, high) = range.split_once('~')?;
        let bound = |text: &str| Some(unquoted(text.trim())).filter(|text| !text.is_empty());
        let (low, high) = (bound(low), bound(high));
        return (low.is_some() || high.is_some()).then_some(Condition::Range(low, high));
    }
    if let Some(list) = enclosed(text, '{', '}') {
        return values(list).map(Condition::AnyOf);
    }
    if let Some(list) = enclosed(text, '(', ')') {
        return values(list).map(Condition::AllOf);
    }
    let opens = text.starts_with(['[', '{', '(']);
    (!opens).then(|| Condition::Exact(unquoted(text)))
}

fn enclosed(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

fn values(list: &str) -> Option<Vec<String>> {
    let values: Vec<String> = list.split_whitespace().map(unquoted).collect();
    (1..=PART_LIMIT).contains(&values.len()).then_some(values)
}

/// Harbor's clients put quotes round texts that could be read as numbers.
fn unquoted(text: &str) -> String {
    enclosed(text, '"', '"').unwrap_or(text).to_owned()
}

fn parse_sort(text: &str) -> Result<Vec<SortKey>, ListRequestError> {
    let keys: Vec<SortKey> = text
        .split(',')
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .map(|key| SortKey {
            field: key.trim_start_matches('-').to_owned(),
            descending: key.starts_with('-'),
        })
        .collect();
    if keys.len() > PART_LIMIT || text.len() > TEXT_LIMIT_BYTES {
        return Err(ListRequestError::Sort {
            text: text.chars().take(200).collect(),
        });
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(text: &str) -> Result<Vec<(String, Condition)>, ListRequestError> {
        let filters = parse_filters(text)?.into_iter();
        Ok(filters
            .map(|filter| (filter.field, filter.condition))
            .collect())
    }

    #[test]
    fn filters_are_read_in_harbors_notation() {
        use Condition::{AllOf, AnyOf, Exact, Fuzzy, Range};
        let some = |text: &str| Some(text.to_owned());
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let table = [
            ("name=a", "name", Exact("a".to_owned())),
            ("name=", "name", Exact(String::new())),
            ("name=a=b", "name", Exact("a=b".to_owned())),
            (r#"name="12""#, "name", Exact("12".to_owned())),
            (" name = ~part ", "name", Fuzzy("part".to_owned())),
            ("id=[1~5]", "id", Range(some("1"), some("5"))),
            ("id=[~5]", "id", Range(None, some("5"))),
            (
                "t=[2020-04-09 23:36:00~]",
                "t",
                Range(some("2020-04-09 23:36:00"), None),
            ),
            ("id={1 2}", "id", AnyOf(list(&["1", "2"]))),
            ("tags=(a b)", "tags", AllOf(list(&["a", "b"]))),
        ];
        for (text, field, condition) in table {
            assert_eq!(
                filters(text),
                Ok(vec![(field.to_owned(), condition)]),
                "{text}"
            );
        }
        assert_eq!(filters("a=1,b=~2").unwrap().len(), 2);
        assert_eq!(filters("").unwrap(), []);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let long = format!("a={}", "x".repeat(5000));
        let many = "a=1,".repeat(65);
        for bad in [
            "name", "a=1,b", "a=[1]", "a=[~]", "a=[1~2", "a={", "a={}", "a=()", &long, &many,
        ] {
            assert!(filters(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_have_limits() {
        let page = |page, size| {
            let request = ListRequest::parse(None, None, page, size);
            request.map(|request| (request.offset(), request.page_size))
        };
        assert_eq!(page(None, None), Ok((0, 10)));
        assert_eq!(page(Some("3"), Some("100")), Ok((200, 100)));
        assert_eq!(page(Some(""), Some("")), Ok((0, 10)));
        for (number, size) in [
            ("0", "10"),
            ("-1", "10"),
            ("x", "10"),
            ("1", "0"),
            ("1", "101"),
        ] {
            assert_eq!(
                page(Some(number), Some(size)),
                Err(ListRequestError::Page),
                "{number} {size}"
            );
        }
    }

    #[test]
    fn keys_to_sort_by_may_descend() {
        let keys = parse_sort("name,-creation_time").unwrap();
        let keys: Vec<_> = keys
            .iter()
            .map(|key| (key.field.as_str(), key.descending))
            .collect();
        assert_eq!(keys, [("name", false), ("creation_time", true)]);
    }
}
