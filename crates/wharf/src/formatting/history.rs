//! Rows of `history`.

use wharf_engine::HistoryRow;
use wharf_template::units::{ellipsis, human_size_with_precision};
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

use super::Moment;

/// The default table.
const TABLE: &str = "{{.ID}}\\t{{.CreatedSince}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";
/// The default table of `--human=false`.
const EXACT_TABLE: &str = "{{.ID}}\\t{{.CreatedAt}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";

/// Titles of the columns.
const TITLES: &[(&str, &str)] = &[
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

/// The format of `history`. Docker's raw format prints the word itself.
pub(crate) fn formatter(
    format: &Format,
    quiet: bool,
    human: bool,
) -> Result<Formatter, FormatError> {
    match format {
        Format::Table if quiet => Formatter::new(&Format::Template("{{.ID}}".to_owned()), "", ""),
        _ => Formatter::new(format, if human { TABLE } else { EXACT_TABLE }, "raw"),
    }
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// Columns that a command is cut to.
const COMMAND_COLUMNS: usize = 45;

/// How history is shown.
#[derive(Debug, Clone)]
pub(crate) struct HistoryView {
    /// Ages and rounded sizes, instead of times and bytes.
    pub(crate) human: bool,
    /// Whether IDs and commands are cut.
    pub(crate) truncate: bool,
    /// The present.
    pub(crate) moment: Moment,
}

impl HistoryView {
    /// One row for each step.
    pub(crate) fn rows(&self, steps: Vec<HistoryRow>) -> Vec<Value> {
        steps
            .into_iter()
            .map(|step| {
                Value::object(HistoryContext {
                    view: self.clone(),
                    step,
                })
            })
            .collect()
    }
}

#[derive(Debug)]
struct HistoryContext {
    view: HistoryView,
    step: HistoryRow,
}

impl HistoryContext {
    fn created_since(&self) -> String {
        if !self.view.human {
            return self.view.moment.rfc3339(self.step.created);
        }
        // Times before the year 2000 are those of reproducible builds: they mean "not told".
        let year_2000 = jiff::Timestamp::constant(946_684_800, 0);
        match self.step.created.filter(|created| *created > year_2000) {
            Some(created) => self.view.moment.age(created),
            None => "N/A".to_owned(),
        }
    }

    fn created_by(&self) -> String {
        let command = self.step.created_by.replace('\t', " ");
        if self.view.truncate {
            ellipsis(&command, COMMAND_COLUMNS)
        } else {
            command
        }
    }

    fn size(&self) -> String {
        if self.view.human {
            human_size_with_precision(self.step.size, 3)
        } else {
            self.step.size.to_string()
        }
    }
}

impl TemplateContext for HistoryContext {
    fn type_name(&self) -> &'static str {
        "*image.historyContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(Value::from(match name {
            "ID" => match self.step.id {
                Some(id) if self.view.truncate => id.short(),
                Some(id) => id.to_string(),
                None => "<missing>".to_owned(),
            },
            "CreatedAt" => self.view.moment.rfc3339(self.step.created),
            "CreatedSince" => self.created_since(),
            "CreatedBy" => self.created_by(),
            "Size" => self.size(),
            "Comment" => self.step.comment.clone(),
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        vec![
            "Comment",
            "CreatedAt",
            "CreatedBy",
            "CreatedSince",
            "ID",
            "Size",
        ]
    }
}
