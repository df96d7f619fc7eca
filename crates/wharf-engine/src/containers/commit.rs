//! `commit`: what a container has changed becomes an image upon its own.

use serde_json::{Map, Value, json};
use wharf_images::{ImageRecord, LayerRecord, Lease, NameRecord};
use wharf_layers::{TarWriter, archive_tree};
use wharf_oci::{Descriptor, DiffId, ImageConfig, ImageId, ImageQuery, MediaType, Reference};
use wharf_runtime::Status;
use wharf_transfer::{ErrorKind, EventSink, LayerPart};

use super::changes::Changes;
use super::record::{Container, ContainerRecord};
use crate::builds::{manifest_layers, manifest_of_layers};
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};
use crate::images::{ConfigChanges, NothingToFetch, published};
use crate::intake::LayerIntake;
use crate::local_endpoint::recorded_layers;
use crate::telling::{Manner, Telling};

/// What of a container's config an image has.
const CONFIG_FIELDS: [&str; 12] = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Healthcheck",
    "Volumes",
    "WorkingDir",
    "OnBuild",
    "Labels",
    "StopSignal",
    "Shell",
];

/// What to make of a container.
#[derive(Debug, Clone, Default)]
pub struct CommitRequest {
    /// The name of the image; none leaves it dangling.
    pub reference: Option<Reference>,
    /// Who made it (`-a`).
    pub author: String,
    /// The remark in its history (`-m`).
    pub message: String,
    /// Dockerfile instructions that change its config (`-c`).
    pub changes: Vec<String>,
    /// Whether the container is held meanwhile.
    pub pause: bool,
}

impl Engine {
    /// Makes an image of a container, upon the image that the container has.
    pub fn commit(
        &self,
        text: &str,
        request: &CommitRequest,
        events: &EventSink,
    ) -> Result<ImageId, EngineError> {
        let reference = request.reference.as_ref();
        if reference.is_some_and(|name| name.digest().is_some()) {
            return Err(failure(
                ErrorKind::Invalid,
                "cannot commit to digest reference",
            ));
        }
        let container = self.container(text)?;
        let config = committed_config(&container.record, &request.changes)?;
        let held = request.pause && container.state.status == Status::Running;
        if held {
            self.hold_container(&container.record.id, true)?;
        }
        let made = self.commit_held(&container, request, config, events);
        if held {
            self.hold_container(&container.record.id, false)?;
        }
        made
    }

    fn commit_held(
        &self,
        container: &Container,
        request: &CommitRequest,
        config: Value,
        events: &EventSink,
    ) -> Result<ImageId, EngineError> {
        let record = &container.record;
        let store = self.store()?;
        let lease = store.lease("commit").map_err(classify)?;
        let changes = self.changes(record)?;
        let added = if changes.is_empty() {
            None
        } else {
            Some(self.layer_of(&changes, &lease, events)?)
        };
        let query = ImageQuery::Digest(*record.image.digest());
        let parent = store.resolve(&query).map_err(classify)?.image;
        let config = self.child_config(&parent, record, request, config, added.as_ref())?;
        let layers = self.child_layers(&parent, added)?;
        let manifest = manifest_of_layers(&config, layers.iter().map(|(blob, _)| blob))?;
        lease
            .protect(&[*config.id().digest(), *manifest.digest().digest()])
            .map_err(classify)?;
        let blobs = store.blobs();
        blobs
            .put_document(config.id().digest(), config.bytes())
            .map_err(classify)?;
        blobs
            .put_document(manifest.digest().digest(), manifest.bytes())
            .map_err(classify)?;
        let name = request.reference.clone().map(|name| NameRecord {
            name: name.or_latest(),
            target: manifest.descriptor(),
            manifest: manifest.digest(),
            image: config.id(),
            updated: store.clock().now(),
        });
        store
            .record_named_image(&manifest, &config, &layers, &lease, name.as_slice())
            .map_err(classify)?;
        store
            .set_parent(config.id(), Some(parent.id))
            .map_err(classify)?;
        Ok(config.id())
    }

    /// Stores the changes as a layer.
    fn layer_of(
        &self,
        changes: &Changes,
        lease: &Lease,
        events: &EventSink,
    ) -> Result<(Descriptor, LayerRecord), EngineError> {
        let store = self.store()?;
        let mut writer = TarWriter::new(store.blobs().spool().map_err(classify)?);
        let wanted = |path: &[u8]| changes.is_wanted(path);
        archive_tree(
            changes.open()?,
            changes.kind(),
            &wanted,
            &|_| (),
            &mut writer,
        )
        .map_err(classify)?;
        let spool = writer.finish().map_err(classify)?;
        let (descriptor, diff_id) = published(spool, MediaType::DOCKER_LAYER, None, self, lease)?;
        let layer = LayerPart {
            descriptor,
            diff_id: Some(diff_id),
        };
        LayerIntake {
            store,
            descriptor: &layer.descriptor,
            diff_id: layer.diff_id,
            limits: &self.settings().limits,
            telling: &Telling::new(events, diff_id.short(), Manner::Load),
        }
        .run(&mut NothingToFetch)?;
        let recorded = recorded_layers(store, &[layer])?;
        recorded.into_iter().next().ok_or_else(|| {
            failure(
                ErrorKind::Internal,
                "the layer that was made is not recorded",
            )
        })
    }

    fn child_layers(
        &self,
        parent: &ImageRecord,
        added: Option<(Descriptor, LayerRecord)>,
    ) -> Result<Vec<(Descriptor, LayerRecord)>, EngineError> {
        let store = self.store()?;
        let blobs = manifest_layers(store, parent.manifest)?;
        let known = parent.layers.iter().zip(blobs);
        let parts: Vec<LayerPart> = known
            .map(|(layer, descriptor)| LayerPart {
                descriptor,
                diff_id: Some(layer.diff_id),
            })
            .collect();
        let mut layers = recorded_layers(store, &parts)?;
        layers.extend(added);
        Ok(layers)
    }

    /// The parent's document with another config, one more step of history, and the layer (moby, `image.NewChildImage`).
    fn child_config(
        &self,
        parent: &ImageRecord,
        record: &ContainerRecord,
        request: &CommitRequest,
        config: Value,
        added: Option<&(Descriptor, LayerRecord)>,
    ) -> Result<ImageConfig, EngineError> {
        let parent = self.config(parent)?;
        let mut document = parent.document().map_err(classify)?;
        let created = self.settings().clock.now().to_string();
        let mut step = json!({
            "created": created,
            "created_by": record.config.cmd.clone().unwrap_or_default().join(" "),
        });
        let mut told = |key: &str, text: &str| {
            if !text.is_empty() {
                step[key] = json!(text);
            }
        };
        told("author", &request.author);
        told("comment", &request.message);
        let mut diff_ids: Vec<DiffId> = parent.diff_ids().to_vec();
        match added {
            Some((_, layer)) => diff_ids.push(layer.diff_id),
            None => step["empty_layer"] = json!(true),
        }
        let mut history = document["history"].as_array().cloned().unwrap_or_default();
        history.push(step);
        let Some(fields) = document.as_object_mut() else {
            return Err(failure(
                ErrorKind::Corrupt,
                "the image's config is no object",
            ));
        };
        for key in [
            "author",
            "comment",
            "container",
            "container_config",
            "docker_version",
        ] {
            fields.remove(key);
        }
        let mut put = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
        put("config", config);
        put("created", json!(created));
        put("history", json!(history));
        put("rootfs", json!({ "type": "layers", "diff_ids": diff_ids }));
        if !request.author.is_empty() {
            put("author", json!(request.author));
        }
        if !request.message.is_empty() {
            put("comment", json!(request.message));
        }
        ImageConfig::parse(document.to_string().into_bytes()).map_err(classify)
    }
}

/// How containers of the image run: as this one does, but for the changes.
fn committed_config(record: &ContainerRecord, changes: &[String]) -> Result<Value, EngineError> {
    let own = serde_json::to_value(&record.config)
        .map_err(|error| classify(std::io::Error::from(error)))?;
    let mut fields = Map::new();
    for field in CONFIG_FIELDS {
        let value = own.get(field).filter(|value| !is_empty(value));
        fields.extend(value.map(|value| (field.to_owned(), value.clone())));
    }
    let changes = ConfigChanges::parse_upon(fields, changes).map_err(classify)?;
    Ok(changes.to_json())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}
