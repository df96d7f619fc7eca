//! What a user writes behind `--format`, and how rows are printed with it.

use super::table::{TableTooLarge, align};
use crate::execute::ExecuteError;
use crate::parse::ParseError;
use crate::template::Template;
use crate::value::{Type, Value};

/// The largest output of one command.
pub const OUTPUT_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// The argument of `--format`, as Docker reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// `table`: the table of the command; also what an absent or empty argument means.
    Table,
    /// `table TEMPLATE`. Docker also takes `tableTEMPLATE` for it.
    TableOf(String),
    /// `json`: one object a line.
    Json,
    /// `raw`: `key: value` lines, which some commands have.
    Raw,
    /// A template.
    Template(String),
}

/// A format that does not work. The texts are Docker's, which calls both kinds the same.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FormatError {
    /// The template cannot be parsed.
    #[error("template parsing error: {0}")]
    Parse(#[from] ParseError),
    /// The template cannot be run on a row.
    #[error("template parsing error: {0}")]
    Execute(#[from] ExecuteError),
    /// The rows make too much text.
    #[error("the output is longer than {limit_bytes} bytes")]
    TooLong {
        /// How much is allowed.
        limit_bytes: usize,
    },
    /// The table would be too large once its columns are aligned.
    #[error(transparent)]
    Table(#[from] TableTooLarge),
}

/// A format that is ready to print rows.
#[derive(Debug, Clone)]
pub struct Formatter {
    template: Template,
    source: String,
    is_table: bool,
}

impl Format {
    /// Reads the argument of `--format`.
    pub fn parse(argument: &str) -> Self {
        match argument {
            "" | "table" => Self::Table,
            "json" => Self::Json,
            "raw" => Self::Raw,
            _ => match argument.strip_prefix("table") {
                Some(template) => Self::TableOf(template.to_owned()),
                None => Self::Template(argument.to_owned()),
            },
        }
    }
}

impl Formatter {
    /// Prepares a format. `table` is the template of the command's own table, its columns separated by tabs; `raw` that
    /// of its `raw` format.
    pub fn new(format: &Format, table: &str, raw: &str) -> Result<Self, FormatError> {
        let (source, is_table) = match format {
            Format::Table => (table, true),
            Format::TableOf(template) => (template.as_str(), true),
            Format::Json => ("{{json .}}", false),
            Format::Raw => (raw, false),
            Format::Template(template) => (template.as_str(), false),
        };
        let source = source
            .trim_matches(' ')
            .replace(r"\t", "\t")
            .replace(r"\n", "\n");
        Ok(Self {
            template: Template::parse(&source)?,
            source,
            is_table,
        })
    }

    /// Whether the template has `part` in it: `{{.Digest}}` makes `docker images` print a row for every digest.
    pub fn contains(&self, part: &str) -> bool {
        self.source.contains(part)
    }

    /// Prints the rows, each ended by a newline. Only a table has a header: the template over `titles`, the name of each
    /// field and the title of its column.
    pub fn write<'t>(
        &self,
        titles: impl IntoIterator<Item = (&'t str, &'t str)>,
        rows: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<u8>, FormatError> {
        let mut output = Vec::new();
        if self.is_table {
            let titles = titles
                .into_iter()
                .map(|(name, title)| (name, Value::from(title)));
            // As in Docker, a header that fails is printed as far as it came: the rows show what is wrong.
            let _shown_by_the_rows = self
                .template
                .execute_header(&Value::map_of(Type::String, titles), &mut output);
            output.push(b'\n');
        }
        for row in rows {
            self.template.execute_into(&row, &mut output)?;
            output.push(b'\n');
            if output.len() > OUTPUT_LIMIT_BYTES {
                return Err(FormatError::TooLong {
                    limit_bytes: OUTPUT_LIMIT_BYTES,
                });
            }
        }
        if self.is_table {
            Ok(align(&output, OUTPUT_LIMIT_BYTES)?)
        } else {
            Ok(output)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(format: &str, rows: &[(&str, &str)]) -> Result<String, String> {
        let formatter = Formatter::new(
            &Format::parse(format),
            "table {{.ID}}",
            "id: {{.ID}}\\ntag: {{.Tag}}\\n",
        );
        let rows = rows
            .iter()
            .map(|(id, tag)| Value::map([("ID", Value::from(*id)), ("Tag", Value::from(*tag))]));
        let output = formatter
            .and_then(|formatter| formatter.write([("ID", "IMAGE ID"), ("Tag", "TAG")], rows));
        output
            .map(|output| String::from_utf8(output).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn formats_are_docker_s() {
        let rows = [("68937d0a1148", "1.0"), ("9", "latest")];
        for (format, expected) in [
            (
                r"table {{.ID}}\t{{.Tag}}",
                "IMAGE ID       TAG\n68937d0a1148   1.0\n9              latest\n",
            ),
            (
                r"table {{upper .Tag}}\t{{truncate .ID 2}}",
                "TAG       IMAGE ID\n1.0       68\nLATEST    9\n",
            ),
            (r"{{.ID}}\n{{.Tag}}", "68937d0a1148\n1.0\n9\nlatest\n"),
            (
                "json",
                "{\"ID\":\"68937d0a1148\",\"Tag\":\"1.0\"}\n{\"ID\":\"9\",\"Tag\":\"latest\"}\n",
            ),
            (
                "raw",
                "id: 68937d0a1148\ntag: 1.0\n\nid: 9\ntag: latest\n\n",
            ),
            ("x", "x\nx\n"),
            ("table {{.Nope}}", "<no value>\n<no value>\n<no value>\n"),
            ("table{{.Tag}}", "TAG\n1.0\nlatest\n"),
        ] {
            assert_eq!(print(format, &rows).as_deref(), Ok(expected), "{format}");
        }
    }

    #[test]
    fn errors_are_docker_s() {
        let error = "template parsing error: template: :1: unclosed action";
        assert_eq!(print("{{.ID", &[]), Err(error.to_owned()));
        let error = "template parsing error: template: :1:5: executing \"\" at <.ID.X>: can't evaluate field X in type interface {}";
        assert_eq!(print("{{.ID.X}}", &[("1", "2")]), Err(error.to_owned()));
        assert_eq!(print("table {{.ID.X}}", &[]).as_deref(), Ok("\n"));
    }
}
