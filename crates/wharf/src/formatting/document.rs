//! An object whose fields templates know by name, as they know the fields of a struct of Docker's.

use serde_json::Value as Json;
use wharf_template::{Template, Type, Value};

use crate::exit::Failure;

/// Exit code of a template that cannot be parsed.
const BAD_TEMPLATE: u8 = 64;

/// The object: what it does not have is an error in a template, not empty.
#[derive(Debug)]
pub(crate) struct Document(Value);

impl Document {
    /// A JSON document in types of Docker, whose objects keep their fields in the order of the types.
    pub(crate) fn typed(of: &Type, document: &Json) -> anyhow::Result<Self> {
        let document = serde_json::to_vec(document)?;
        Ok(Self(Value::decode_json(&document, of)?))
    }

    /// What `--format` prints of it; `name` is what Docker calls the template. An error comes with what was printed
    /// before it.
    pub(crate) fn format(self, name: &str, format: &str) -> (Vec<u8>, anyhow::Result<()>) {
        let text = if format == "json" {
            "{{json .}}"
        } else {
            format
        };
        let template = match Template::parse_named(name, text) {
            Ok(template) => template,
            Err(error) => {
                let text = format!("template parsing error: {error}");
                return (
                    Vec::new(),
                    Err(Failure {
                        exit_code: BAD_TEMPLATE,
                        text,
                    }
                    .into()),
                );
            }
        };
        let mut output = Vec::new();
        let result = template.execute_into(&self.0, &mut output);
        output.push(b'\n');
        (output, result.map_err(Into::into))
    }
}
