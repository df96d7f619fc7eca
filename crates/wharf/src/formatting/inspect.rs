//! How `inspect` prints documents: as an indented array, as a compact one, or through a template.
//!
//! A template first runs over a document read into Docker's types, where a field has its name in Go (`.ID`) and what is
//! absent is empty. If that fails, it runs over the plain JSON (`.Id`), where what is absent is an error.

use wharf_template::json::{Indent, compact, indent};
use wharf_template::{MissingKey, Numbers, StructType, Template, Type, Value};

use crate::exit::Failure;

/// Exit code of a template that cannot be parsed.
const BAD_TEMPLATE: u8 = 64;

/// One document, and the type of Docker's that it is.
pub(crate) struct Described {
    /// JSON.
    pub(crate) document: Vec<u8>,
    /// What templates see it as.
    pub(crate) of: fn() -> Type,
}

/// Collects documents and prints them.
#[derive(Debug)]
pub(crate) struct Inspector {
    manner: Manner,
    documents: Vec<Vec<u8>>,
    output: Vec<u8>,
}

#[derive(Debug)]
enum Manner {
    Indented,
    Compact,
    Template {
        typed: Box<Template>,
        plain: Box<Template>,
    },
}

impl Inspector {
    /// Prints by `--format`.
    pub(crate) fn new(format: &str) -> Result<Self, Failure> {
        let manner = match format {
            "" => Manner::Indented,
            "json" => Manner::Compact,
            text => {
                let template = Template::parse(text).map_err(|error| Failure {
                    exit_code: BAD_TEMPLATE,
                    text: format!("template parsing error: {error}"),
                })?;
                let plain = Box::new(template.clone().with_missing_key(MissingKey::Error));
                Manner::Template {
                    typed: Box::new(template),
                    plain,
                }
            }
        };
        Ok(Self {
            manner,
            documents: Vec::new(),
            output: Vec::new(),
        })
    }

    /// Takes one more document.
    pub(crate) fn add(&mut self, described: Described) -> anyhow::Result<()> {
        let Described { document, of } = described;
        let Manner::Template { typed, plain } = &self.manner else {
            self.documents.push(document);
            return Ok(());
        };
        let known = Value::decode_json(&document, &of())
            .ok()
            .and_then(|value| typed.execute(&value).ok());
        let line = match known {
            Some(line) => line,
            None => plain
                .execute(&Value::from_json(&document, Numbers::AsWritten)?)
                .map_err(|error| anyhow::anyhow!("template parsing error: {error}"))?,
        };
        self.output.extend(line);
        self.output.push(b'\n');
        Ok(())
    }

    /// Everything that is printed: of nothing, an empty array or an empty line.
    pub(crate) fn finish(self) -> anyhow::Result<Vec<u8>> {
        let mut array = b"[".to_vec();
        array.extend(self.documents.join(&b','));
        array.push(b']');
        let mut output = match self.manner {
            Manner::Template { .. } if self.output.is_empty() => Vec::new(),
            Manner::Template { .. } => return Ok(self.output),
            Manner::Compact => compact(&array)?,
            Manner::Indented if self.documents.is_empty() => array,
            Manner::Indented => indent(&array, Indent::FourSpaces)?,
        };
        output.push(b'\n');
        Ok(output)
    }
}

/// An image as Docker's types have it (API 1.50, `image.InspectResponse`).
pub(crate) fn image_type() -> Type {
    let strings = || Type::list(Type::String);
    let labels = || Type::map(Type::String);
    let metadata =
        StructType::new("image.Metadata").field("LastTagTime", "LastTagTime", Type::Time);
    let root_fs = StructType::new("image.RootFS")
        .field("Type", "Type", Type::String)
        .optional_field("Layers", "Layers", strings());
    let graph_driver = StructType::new("storage.DriverData")
        .field("Data", "Data", labels())
        .field("Name", "Name", Type::String);
    StructType::new("image.InspectResponse")
        .field("ID", "Id", Type::String)
        .field("RepoTags", "RepoTags", strings())
        .field("RepoDigests", "RepoDigests", strings())
        .field("Parent", "Parent", Type::String)
        .field("Comment", "Comment", Type::String)
        .optional_field("Created", "Created", Type::String)
        .field("DockerVersion", "DockerVersion", Type::String)
        .field("Author", "Author", Type::String)
        .field("Config", "Config", Type::pointer(config_type()))
        .field("Architecture", "Architecture", Type::String)
        .optional_field("Variant", "Variant", Type::String)
        .field("Os", "Os", Type::String)
        .optional_field("OsVersion", "OsVersion", Type::String)
        .field("Size", "Size", Type::int64())
        .field("GraphDriver", "GraphDriver", graph_driver.build())
        .field("RootFS", "RootFS", root_fs.build())
        .field("Metadata", "Metadata", metadata.build())
        .optional_field("Descriptor", "Descriptor", Type::pointer(descriptor_type()))
        .build()
}

/// How containers of an image run, as OCI has it.
pub(super) fn oci_config_type() -> Type {
    let strings = || Type::list(Type::String);
    let set = || Type::map(StructType::new("struct {}").build());
    StructType::new("v1.ImageConfig")
        .optional_field("User", "User", Type::String)
        .optional_field("ExposedPorts", "ExposedPorts", set())
        .optional_field("Env", "Env", strings())
        .optional_field("Entrypoint", "Entrypoint", strings())
        .optional_field("Cmd", "Cmd", strings())
        .optional_field("Volumes", "Volumes", set())
        .optional_field("WorkingDir", "WorkingDir", Type::String)
        .optional_field("Labels", "Labels", Type::map(Type::String))
        .optional_field("StopSignal", "StopSignal", Type::String)
        .optional_field("ArgsEscaped", "ArgsEscaped", Type::Bool)
        .build()
}

fn config_type() -> Type {
    let strings = || Type::list(Type::String);
    let duration = || Type::named("time.Duration", Type::Int);
    let health = StructType::new("v1.HealthcheckConfig")
        .optional_field("Test", "Test", strings())
        .optional_field("Interval", "Interval", duration())
        .optional_field("Timeout", "Timeout", duration())
        .optional_field("StartPeriod", "StartPeriod", duration())
        .optional_field("StartInterval", "StartInterval", duration())
        .optional_field("Retries", "Retries", Type::Int);
    let extension = StructType::new("v1.DockerOCIImageConfigExt")
        .optional_field("Healthcheck", "Healthcheck", Type::pointer(health.build()))
        .optional_field("OnBuild", "OnBuild", strings())
        .optional_field("Shell", "Shell", strings());
    StructType::new("v1.DockerOCIImageConfig")
        .embedded("ImageConfig", oci_config_type())
        .embedded("DockerOCIImageConfigExt", extension.build())
        .build()
}

/// `digest.Digest`.
pub(super) fn digest_type() -> Type {
    Type::named("digest.Digest", Type::String)
}

/// What an image runs on.
pub(super) fn platform_type() -> Type {
    StructType::new("v1.Platform")
        .field("Architecture", "architecture", Type::String)
        .field("OS", "os", Type::String)
        .optional_field("OSVersion", "os.version", Type::String)
        .optional_field("OSFeatures", "os.features", Type::list(Type::String))
        .optional_field("Variant", "variant", Type::String)
        .build()
}

/// What points to a manifest.
pub(super) fn descriptor_type() -> Type {
    StructType::new("v1.Descriptor")
        .field("MediaType", "mediaType", Type::String)
        .field("Digest", "digest", digest_type())
        .field("Size", "size", Type::int64())
        .optional_field("URLs", "urls", Type::list(Type::String))
        .optional_field("Annotations", "annotations", Type::map(Type::String))
        .optional_field("Platform", "platform", Type::pointer(platform_type()))
        .optional_field("ArtifactType", "artifactType", Type::String)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = r#"{"Id":"sha256:ab","RepoTags":["bare:1.0"],"Config":{},"Size":5,"GraphDriver":{"Data":null,"Name":"x"}}"#;

    fn inspected(format: &str, documents: &[&str]) -> Result<String, String> {
        let mut inspector = Inspector::new(format).map_err(|failure| failure.to_string())?;
        for document in documents {
            inspector
                .add(Described {
                    document: document.as_bytes().to_vec(),
                    of: image_type,
                })
                .map_err(|error| error.to_string())?;
        }
        Ok(String::from_utf8(inspector.finish().unwrap()).unwrap())
    }

    #[test]
    fn templates_see_types_first_and_plain_json_then() {
        for (format, expected) in [
            ("{{.Id}} {{.Size}}", "sha256:ab 5\n"),
            ("{{.ID}} {{.Size}}", "sha256:ab 5\n"),
            (
                "{{.Config}}",
                "{{ map[] [] [] [] map[]  map[]  false} {<nil> [] []}}\n",
            ),
            ("{{json .Config}}", "{}\n"),
            ("{{.Author}}", "\n"),
        ] {
            assert_eq!(
                inspected(format, &[BARE]).as_deref(),
                Ok(expected),
                "{format}"
            );
        }
        let missing = "template parsing error: template: :1:2: executing \"\" at <.Nothing>: \
                       map has no entry for key \"Nothing\"";
        assert_eq!(inspected("{{.Nothing}}", &[BARE]), Err(missing.to_owned()));
    }

    #[test]
    fn nothing_is_an_empty_array_or_an_empty_line() {
        assert_eq!(inspected("", &[]).as_deref(), Ok("[]\n"));
        assert_eq!(inspected("{{.Id}}", &[]).as_deref(), Ok("\n"));
        assert_eq!(
            inspected("json", &["{\"a\": 1}", "{}"]).as_deref(),
            Ok("[{\"a\":1},{}]\n")
        );
        assert_eq!(
            inspected("", &["{\"a\":1}"]).as_deref(),
            Ok("[\n    {\n        \"a\": 1\n    }\n]\n")
        );
        assert_eq!(Inspector::new("{{.Id").unwrap_err().exit_code, 64);
    }
}
