//! `image inspect`: all that is known of an image, in the form of Docker's API 1.50.

use serde_json::{Map, Value, json};
use wharf_images::{ImageRecord, NameRecord};
use wharf_oci::{ImageConfig, ImageQuery, Platform, PlatformMatcher};

use crate::engine::Engine;
use crate::error::{EngineError, classify, wrong_platform};

/// An image as `docker image inspect` prints it: a JSON object with its fields in Docker's order.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageInspect(pub Value);

/// Fields of `config.config` in the order of Docker's API 1.50, which leaves out what is empty.
const CONFIG_FIELDS: [&str; 13] = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "OnBuild",
    "Shell",
];

impl Engine {
    /// Describes the image. With `platform`, only an image of exactly this platform will do.
    pub fn inspect(
        &self,
        query: &ImageQuery,
        platform: Option<&Platform>,
    ) -> Result<ImageInspect, EngineError> {
        let store = self.store_for_reading()?;
        let image = store.resolve(query).map_err(classify)?.image;
        let config = self.config(&image)?;
        if let Some(wanted) = platform
            && PlatformMatcher::only_strict(wanted)
                .rank(&config.platform())
                .is_none()
        {
            let meant = match query {
                ImageQuery::Name(reference, _) => reference.familiar(),
                ImageQuery::Digest(_) | ImageQuery::Prefix(_) => image.id.short(),
            };
            return Err(wrong_platform(&meant, &config.platform(), wanted));
        }
        Ok(ImageInspect(self.described(&image, &config)?))
    }

    /// The image's config, verified.
    pub(crate) fn config(&self, image: &ImageRecord) -> Result<ImageConfig, EngineError> {
        let store = self.store_for_reading()?;
        let bytes = match store.blobs().read_document(&image.config) {
            Ok(bytes) => bytes,
            Err(error) => {
                // Another process may have removed the image since it was looked up.
                let query = ImageQuery::Digest(*image.id.digest());
                store.resolve(&query).map_err(classify)?;
                return Err(classify(error));
            }
        };
        ImageConfig::parse(bytes).map_err(classify)
    }

    fn described(&self, image: &ImageRecord, config: &ImageConfig) -> Result<Value, EngineError> {
        let document = config.document().map_err(classify)?;
        let mut inspect = Map::new();
        let mut put = |key: &str, value: Value| drop(inspect.insert(key.to_owned(), value));
        put("Id", json!(image.id));
        put("RepoTags", json!(names(image, true)));
        put("RepoDigests", json!(names(image, false)));
        put(
            "Parent",
            json!(image.parent.map(|id| id.to_string()).unwrap_or_default()),
        );
        put("Comment", json!(config.comment()));
        if let Some(created) = config.created_text() {
            put("Created", json!(created));
        }
        put("DockerVersion", json!(config.docker_version()));
        put("Author", json!(config.author()));
        put("Config", container_config(&document));
        let platform = config.platform();
        put("Architecture", json!(platform.architecture));
        if !platform.variant.is_empty() {
            put("Variant", json!(platform.variant));
        }
        put("Os", json!(platform.os));
        if !platform.os_version.is_empty() {
            put("OsVersion", json!(platform.os_version));
        }
        put("Size", json!(image.size));
        put("GraphDriver", self.graph_driver(image)?);
        put(
            "RootFS",
            json!({ "Type": "layers", "Layers": config.diff_ids() }),
        );
        let tagged = image.names.iter().map(|record| record.updated).max();
        put(
            "Metadata",
            json!({ "LastTagTime": tagged.unwrap_or(image.recorded).to_string() }),
        );
        let target = image.names.first().map(|record| &record.target);
        if let Some(descriptor) = target.or(image.manifests.first()) {
            put("Descriptor", json!(descriptor));
        }
        Ok(Value::Object(inspect))
    }

    fn graph_driver(&self, image: &ImageRecord) -> Result<Value, EngineError> {
        let store = self.store_for_reading()?;
        // The top of the stack first, as overlayfs is told. It has Docker's name for it, though nobody writes to it.
        let trees = image
            .layers
            .iter()
            .rev()
            .map(|layer| store.layer_tree(layer.diff_id));
        let mut trees = trees.map(|tree| tree.display().to_string());
        let upper = trees.next();
        let lower: Vec<String> = trees.collect();
        let mut data = Map::new();
        if !lower.is_empty() {
            data.insert("LowerDir".to_owned(), json!(lower.join(":")));
        }
        data.extend(upper.map(|upper| ("UpperDir".to_owned(), json!(upper))));
        Ok(json!({ "Data": data, "Name": "overlayfs" }))
    }
}

fn names(image: &ImageRecord, tagged: bool) -> Vec<String> {
    let wanted = |record: &&NameRecord| record.name.tag().is_some() == tagged;
    image
        .names
        .iter()
        .filter(wanted)
        .map(|record| record.name.familiar())
        .collect()
}

fn container_config(document: &Value) -> Value {
    let Some(config) = document.get("config").and_then(Value::as_object) else {
        return json!({});
    };
    let mut known = Map::new();
    for field in CONFIG_FIELDS {
        if let Some(value) = config.get(field).filter(|value| !is_empty(value)) {
            let is_map = ["ExposedPorts", "Volumes", "Labels"].contains(&field);
            let value = if is_map { sorted(value) } else { value.clone() };
            known.insert(field.to_owned(), value);
        }
    }
    Value::Object(known)
}

/// Docker prints sets and labels in the order of their keys, whatever the config's own order is.
fn sorted(value: &Value) -> Value {
    let Some(fields) = value.as_object() else {
        return value.clone();
    };
    let mut fields: Vec<(String, Value)> = fields.clone().into_iter().collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    Value::Object(fields.into_iter().collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
