//! Image configs. The document's bytes are the image's identity and are kept; unknown fields too.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::ids::{ChainId, DiffId, ImageId};
use crate::platform::Platform;

/// Largest config that is read: as a manifest's limit.
const CONFIG_LIMIT_BYTES: usize = crate::manifest::MANIFEST_LIMIT_BYTES;

/// An image config as received: its bytes, its ID, and a view of what is known in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageConfig {
    bytes: Vec<u8>,
    id: ImageId,
    view: View,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
struct View {
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    author: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
    #[serde(default, rename = "os.version")]
    os_version: String,
    #[serde(default, rename = "os.features")]
    os_features: Vec<String>,
    #[serde(default)]
    docker_version: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    config: Option<ContainerConfig>,
    #[serde(default)]
    rootfs: RootFs,
    #[serde(default)]
    history: Option<Vec<History>>,
}

/// How to run the image (`config` of the document). Fields that Wharf does not know are in `other`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// User, or `user:group`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports as `80/tcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<BTreeMap<String, Value>>,
    /// Environment as `KEY=value`.
    #[serde(default)]
    pub env: Option<Vec<String>>,
    /// The command, where a person gives no other.
    #[serde(default)]
    pub cmd: Option<Vec<String>>,
    /// How to see whether the container is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthConfig>,
    /// Paths to be volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<BTreeMap<String, Value>>,
    /// Where the process starts.
    #[serde(default)]
    pub working_dir: String,
    /// The program that the command is given to.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// Steps to run when this image is built upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// The signal that asks it to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// The shell of the shell form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Everything else, in its order.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

/// `HEALTHCHECK` of an image; times are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthConfig {
    /// `NONE`, or `CMD` and arguments, or `CMD-SHELL` and a text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Time between checks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Time one check may take.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Time at the start in which failures do not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Time between checks within the start period.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row until it counts as unhealthy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The layers' diff IDs from the base up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Diff IDs from the base up.
    #[serde(default)]
    pub diff_ids: Vec<DiffId>,
}

/// One step of how the image was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// When, as written (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// By whom.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether the step made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// Why a document is not an image config.
#[derive(Debug, thiserror::Error)]
pub enum ImageConfigError {
    /// Longer than 4 MiB.
    #[error("image config of {size} bytes is larger than the limit of {CONFIG_LIMIT_BYTES} bytes")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not JSON, or a field of the wrong type.
    #[error("image config is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but not an object.
    #[error("image config is not a JSON object")]
    NotAnObject,
    /// `rootfs.type` is neither `layers` nor absent.
    #[error("image config has root file system type {0:?}, only \"layers\" is supported")]
    RootFs(String),
}

impl ImageConfig {
    /// Reads a config and keeps its bytes.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ImageConfigError> {
        if bytes.len() > CONFIG_LIMIT_BYTES {
            return Err(ImageConfigError::TooLarge { size: bytes.len() });
        }
        // serde would also take an array for a struct, field by field.
        let Value::Object(_) = serde_json::from_slice(&bytes)? else {
            return Err(ImageConfigError::NotAnObject);
        };
        let view: View = serde_json::from_slice(&bytes)?;
        if !matches!(view.rootfs.kind.as_str(), "" | "layers") {
            return Err(ImageConfigError::RootFs(view.rootfs.kind));
        }
        let id = ImageId::new(Digest::of(&bytes));
        Ok(Self { bytes, id, view })
    }

    /// The bytes as received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the bytes: the image's identity.
    pub fn id(&self) -> ImageId {
        self.id
    }

    /// The whole document, unknown fields and order kept.
    pub fn document(&self) -> Result<Value, ImageConfigError> {
        Ok(serde_json::from_slice(&self.bytes)?)
    }

    /// When the image was made, if it says so in a form that can be read.
    pub fn created(&self) -> Option<Timestamp> {
        self.view.created.as_deref()?.parse().ok()
    }

    /// When the image was made, as written.
    pub fn created_text(&self) -> Option<&str> {
        self.view.created.as_deref()
    }

    /// By whom.
    pub fn author(&self) -> &str {
        &self.view.author
    }

    /// A remark (`docker import -m`).
    pub fn comment(&self) -> &str {
        &self.view.comment
    }

    /// The version of Docker that made it.
    pub fn docker_version(&self) -> &str {
        &self.view.docker_version
    }

    /// What it runs on, as written and not normalised.
    pub fn platform(&self) -> Platform {
        Platform {
            os: self.view.os.clone(),
            architecture: self.view.architecture.clone(),
            variant: self.view.variant.clone(),
            os_version: self.view.os_version.clone(),
            os_features: self.view.os_features.clone(),
        }
    }

    /// How to run it.
    pub fn container_config(&self) -> Option<&ContainerConfig> {
        self.view.config.as_ref()
    }

    /// The label `key`.
    pub fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.view.config.as_ref()?.labels.as_ref()
    }

    /// Diff IDs from the base up.
    pub fn diff_ids(&self) -> &[DiffId] {
        &self.view.rootfs.diff_ids
    }

    /// Chain IDs from the base up.
    pub fn chain_ids(&self) -> Vec<ChainId> {
        ChainId::of_layers(self.diff_ids())
    }

    /// How it was made, first step first.
    pub fn history(&self) -> &[History] {
        self.view.history.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_bytes_and_unknown_fields() {
        let json = r#"{"zeta":1,"architecture":"amd64","os":"linux","config":{"Env":null,"Mystery":[1],"Labels":{"a":"b"}},"rootfs":{"type":"layers","diff_ids":[]},"alpha":2}"#;
        let config = ImageConfig::parse(json.as_bytes().to_vec()).unwrap();
        assert_eq!(config.bytes(), json.as_bytes());
        assert_eq!(config.id().digest(), &Digest::of(json.as_bytes()));
        assert_eq!(
            serde_json::to_string(&config.document().unwrap()).unwrap(),
            json
        );
        assert!(
            config
                .container_config()
                .unwrap()
                .other
                .contains_key("Mystery")
        );
        assert_eq!(
            config.labels().unwrap().get("a").map(String::as_str),
            Some("b")
        );
    }

    #[test]
    fn refuses_what_is_not_a_config() {
        for json in [
            "",
            "[]",
            r#"{"rootfs":{"type":"blocks"}}"#,
            r#"{"config":{"Env":"x"}}"#,
        ] {
            assert!(
                ImageConfig::parse(json.as_bytes().to_vec()).is_err(),
                "{json}"
            );
        }
    }
}
