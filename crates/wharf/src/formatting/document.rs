//! An object whose fields templates know by name, as they know the fields of a struct of Docker's.

use serde_json::{Map, Value as Json};
use wharf_template::{Numbers, Template, TemplateContext, Type, Value};

use crate::exit::Failure;

/// Exit code of a template that cannot be parsed.
const BAD_TEMPLATE: u8 = 64;

/// The object: what it does not have is an error in a template, not empty.
#[derive(Debug)]
pub(crate) struct Document(Value);

impl Document {
    /// The fields of a JSON object, as a struct of that name in Docker.
    pub(crate) fn new(type_name: &'static str, fields: Map<String, Json>) -> anyhow::Result<Self> {
        let read = |(name, field): (String, Json)| {
            Ok((
                name,
                Value::from_json(&serde_json::to_vec(&field)?, Numbers::AsWritten)?,
            ))
        };
        let fields = fields
            .into_iter()
            .map(read)
            .collect::<anyhow::Result<_>>()?;
        Ok(Self(Value::object(Fields { type_name, fields })))
    }

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

#[derive(Debug)]
struct Fields {
    type_name: &'static str,
    fields: Vec<(String, Value)>,
}

impl TemplateContext for Fields {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }

    fn json_fields(&self) -> Vec<&str> {
        self.fields.iter().map(|(name, _)| name.as_str()).collect()
    }
}
