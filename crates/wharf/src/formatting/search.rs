//! Rows of `search`.

use wharf_template::units::ellipsis;
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

/// The default table.
const TABLE: &str = "{{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}";

/// Titles of the columns.
const TITLES: &[(&str, &str)] = &[
    ("Name", "NAME"),
    ("Description", "DESCRIPTION"),
    ("StarCount", "STARS"),
    ("IsOfficial", "OFFICIAL"),
];

/// The format of `search`.
pub(crate) fn formatter(format: &Format) -> Result<Formatter, FormatError> {
    Formatter::new(format, TABLE, "raw")
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// Columns that a description is cut to.
const DESCRIPTION_COLUMNS: usize = 45;

/// One repository that was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct SearchRow {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) stars: i64,
    pub(crate) is_official: bool,
    /// Whether the description is cut.
    pub(crate) truncate: bool,
    /// Whether this is printed as JSON; elsewhere true is `[OK]`, and false is nothing.
    pub(crate) as_json: bool,
}

impl TemplateContext for SearchRow {
    fn type_name(&self) -> &'static str {
        "*registry.searchContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(Value::from(match name {
            "Name" => self.name.clone(),
            "Description" => {
                let line = self.description.replace(['\n', '\r'], " ");
                if self.truncate {
                    ellipsis(&line, DESCRIPTION_COLUMNS)
                } else {
                    line
                }
            }
            "StarCount" => self.stars.to_string(),
            "IsOfficial" if self.as_json => self.is_official.to_string(),
            "IsOfficial" => if self.is_official { "[OK]" } else { "" }.to_owned(),
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        vec!["Description", "IsOfficial", "Name", "StarCount"]
    }
}
