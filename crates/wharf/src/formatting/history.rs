//! Rows of `history`.

use wharf_engine::HistoryRow;
use wharf_template::units::{display_width_ellipsis, human_size_with_precision};
use wharf_template::{TemplateContext, Value};

use super::Moment;

/// The default table.
pub(crate) const DEFAULT_TABLE: &str =
    "table {{.ID}}\\t{{.CreatedSince}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";
/// The default table of `--human=false`.
pub(crate) const EXACT_TABLE: &str =
    "table {{.ID}}\\t{{.CreatedAt}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";

/// Titles of the columns.
pub(crate) const TITLES: &[(&str, &str)] = &[
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

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
        steps.into_iter().map(|step| Value::object(HistoryContext { view: self.clone(), step })).collect()
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
        if self.view.truncate { display_width_ellipsis(&command, COMMAND_COLUMNS) } else { command }
    }

    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn size(&self) -> String {
        if self.view.human {
            human_size_with_precision(self.step.size as f64, 3)
        } else {
            self.step.size.to_string()
        }
    }
}

impl TemplateContext for HistoryContext {
    fn type_name(&self) -> &str {
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
        vec!["Comment", "CreatedAt", "CreatedBy", "CreatedSince", "ID", "Size"]
    }
}
