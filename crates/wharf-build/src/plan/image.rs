//! The config of an image that is being built.

use serde_json::{Map, Value, json};
use wharf_oci::{ContainerConfig, DiffId, History, ImageConfig, ImageConfigError, Platform};

use super::environment::Environment;
use crate::dockerfile::expand::Variables as _;

/// Where programs are looked for if nobody says so.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What history says of who made a step.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// The config of an image that is being built: everything but its layers and times.
#[derive(Debug, Clone)]
pub struct ImageDraft {
    /// What it runs on.
    pub platform: Platform,
    /// By whom.
    pub author: String,
    /// How to run it.
    pub config: ContainerConfig,
    /// How it was made. What has no time yet was made by this build.
    pub history: Vec<History>,
    /// When the base was made, as far as it says: new things are given that time.
    pub base_created: Option<jiff::Timestamp>,
}

impl ImageDraft {
    /// An image without anything.
    pub(super) fn scratch(platform: &Platform) -> Self {
        Self {
            platform: platform.clone(),
            config: ContainerConfig {
                env: Some(vec![format!("PATH={DEFAULT_PATH}")]),
                working_dir: "/".to_owned(),
                ..ContainerConfig::default()
            },
            author: String::new(),
            history: Vec::new(),
            base_created: None,
        }
    }

    /// What is built upon an image. Triggers go, as does what no builder of today writes.
    pub(super) fn upon(base: &ImageConfig) -> Self {
        let mut config = base.container_config().cloned().unwrap_or_default();
        config.on_build = None;
        config.other.retain(|key, _| key == "ArgsEscaped");
        let mut history = base.history().to_vec();
        // as many steps with layers as there are layers: what is missing was made by somebody who did not say how
        let made = history.iter().filter(|step| !step.empty_layer).count();
        for _ in made..base.diff_ids().len() {
            history.push(History {
                created: base.created_text().map(str::to_owned),
                comment: "buildkit.exporter.image.v0".to_owned(),
                ..History::default()
            });
        }
        Self {
            platform: base.platform(),
            author: base.author().to_owned(),
            config,
            history,
            base_created: base.created(),
        }
    }

    /// The environment, with a PATH.
    pub(super) fn first_environment(&mut self) -> Environment {
        let mut environment = Environment::default();
        for pair in self.config.env.iter().flatten() {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            environment.set(name, value);
        }
        if environment.get("PATH").is_none() {
            self.set_environment("PATH", DEFAULT_PATH);
            environment.set("PATH", DEFAULT_PATH);
        }
        environment
    }

    pub(super) fn set_environment(&mut self, name: &str, value: &str) {
        let pair = format!("{name}={value}");
        let all = self.config.env.get_or_insert_default();
        let known = all
            .iter_mut()
            .find(|known| known.split_once('=').map_or(known.as_str(), |(key, _)| key) == name);
        match known {
            Some(known) => *known = pair,
            None => all.push(pair),
        }
    }

    pub(super) fn add_history(&mut self, created_by: String, makes_layer: bool) {
        self.history.push(History {
            created: None,
            created_by,
            author: String::new(),
            comment: COMMENT.to_owned(),
            empty_layer: !makes_layer,
        });
    }

    /// The words before a line of the shell form.
    pub(super) fn shell(&self) -> Vec<String> {
        let own = self.config.shell.clone().filter(|shell| !shell.is_empty());
        own.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()])
    }

    /// The document: `created` is the time of the image and of everything new in its history.
    ///
    /// # Errors
    /// If it would be larger than a config may be.
    pub fn document(
        &self,
        created: &str,
        diff_ids: &[DiffId],
    ) -> Result<ImageConfig, ImageConfigError> {
        let mut history = self.history.clone();
        for step in &mut history {
            step.created.get_or_insert_with(|| created.to_owned());
        }
        let mut document = Map::new();
        let mut put = |key: &str, value: Value| drop(document.insert(key.to_owned(), value));
        put("architecture", json!(self.platform.architecture));
        if !self.author.is_empty() {
            put("author", json!(self.author));
        }
        put(
            "config",
            without_nothing(&serde_json::to_value(&self.config)?),
        );
        put("created", json!(created));
        put("history", serde_json::to_value(&history)?);
        put("os", json!(self.platform.os));
        if !self.platform.os_features.is_empty() {
            put("os.features", json!(self.platform.os_features));
        }
        if !self.platform.os_version.is_empty() {
            put("os.version", json!(self.platform.os_version));
        }
        put("rootfs", json!({ "type": "layers", "diff_ids": diff_ids }));
        if !self.platform.variant.is_empty() {
            put("variant", json!(self.platform.variant));
        }
        ImageConfig::parse(Value::Object(document).to_string().into_bytes())
    }
}

/// Without fields that say nothing, sorted.
fn without_nothing(config: &Value) -> Value {
    let says_something = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    let mut fields: Vec<(String, Value)> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| says_something(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    Value::Object(fields.into_iter().collect())
}
