//! Artifacts in Harbor's form.

use serde_json::{Map, Value, json};

use super::times::harbor_time;
use crate::db::artifacts::{ArtifactRecord, ChildRecord, TagRecord};
use crate::http::query::percent_encode;
use crate::repositories::{Artifact, RepositoryName};

/// When something was pulled that never was (Go's zero time, as Harbor writes it).
const NEVER: &str = "0001-01-01T00:00:00.000Z";

/// Kinds of accessories by the type of artifact that they say they are.
const ACCESSORY_TYPES: &[(&str, &str)] = &[
    (
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        "signature.cosign",
    ),
    (
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "signature.cosign",
    ),
    (
        "application/vnd.cncf.notary.signature",
        "signature.notation",
    ),
    ("application/vnd.goharbor.harbor.sbom.v1", "sbom.harbor"),
];

/// An artifact.
pub(super) fn shown(artifact: &Artifact) -> Value {
    let record = &artifact.record;
    let tags: Vec<Value> = artifact.tags.iter().map(shown_tag).collect();
    let references: Vec<Value> = artifact
        .children
        .iter()
        .map(|child| shown_child(record, child))
        .collect();
    let accessories: Vec<Value> = artifact
        .accessories
        .iter()
        .map(|accessory| shown_accessory(accessory, Some(record.id)))
        .collect();
    let annotations: Option<Value> = record
        .annotations
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    json!({
        "id": record.id,
        "type": kind(record),
        "media_type": record.config_media_type.as_deref().unwrap_or(&record.media_type),
        "manifest_media_type": record.media_type,
        "artifact_type": record.artifact_type.as_deref().or(record.config_media_type.as_deref()).unwrap_or(&record.media_type),
        "project_id": record.project,
        "repository_id": record.repository,
        "repository_name": record.repository_name,
        "digest": record.digest,
        "size": record.size,
        "push_time": harbor_time(record.pushed),
        "pull_time": pull_time(record.pulled),
        "pushed_by": record.pushed_by,
        "extra_attrs": extra_attributes(record, artifact.config.as_ref()),
        "annotations": annotations,
        "references": references,
        "tags": tags,
        "labels": [],
        "accessories": accessories,
        "addition_links": addition_links(record, artifact.config.as_ref()),
    })
}

/// A tag.
pub(super) fn shown_tag(tag: &TagRecord) -> Value {
    json!({
        "id": tag.id,
        "repository_id": tag.repository,
        "artifact_id": tag.manifest,
        "name": tag.name,
        "push_time": harbor_time(tag.updated),
        "pull_time": pull_time(tag.pulled),
        "immutable": false,
    })
}

/// What says something about the artifact `subject`.
pub(super) fn shown_accessory(accessory: &ArtifactRecord, subject: Option<i64>) -> Value {
    json!({
        "id": accessory.id,
        "artifact_id": accessory.id,
        "subject_artifact_id": subject,
        "subject_artifact_digest": accessory.subject,
        "subject_artifact_repo": accessory.repository_name,
        "size": accessory.size,
        "digest": accessory.digest,
        "type": accessory_type(accessory),
        "icon": "",
        "creation_time": harbor_time(accessory.pushed),
    })
}

fn shown_child(parent: &ArtifactRecord, child: &ChildRecord) -> Value {
    let platform: Option<Value> = child
        .platform
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    json!({
        "parent_id": parent.id,
        "child_id": child.id,
        "child_digest": child.digest,
        "platform": platform,
    })
}

fn pull_time(time: Option<i64>) -> String {
    time.map_or_else(|| NEVER.to_owned(), harbor_time)
}

/// Harbor's word for the kind of artifact.
fn kind(record: &ArtifactRecord) -> String {
    let Some(config) = record.config_media_type.as_deref() else {
        return "IMAGE".to_owned();
    };
    match config {
        "application/vnd.oci.image.config.v1+json"
        | "application/vnd.docker.container.image.v1+json" => "IMAGE".to_owned(),
        "application/vnd.cncf.helm.config.v1+json" => "CHART".to_owned(),
        "application/vnd.cnab.manifest.v1" => "CNAB".to_owned(),
        "application/vnd.wasm.config.v1+json" | "application/vnd.wasm.config.v0+json" => {
            "WASM".to_owned()
        }
        "application/vnd.cncf.model.config.v1+json" => "CNAI".to_owned(),
        "application/vnd.goharbor.harbor.sbom.v1" => "SBOM".to_owned(),
        other => named_by_media_type(other).unwrap_or_else(|| "UNKNOWN".to_owned()),
    }
}

/// `application/vnd.<org>.<kind>.config.<version>+json` names its kind itself.
fn named_by_media_type(media_type: &str) -> Option<String> {
    let words = media_type
        .strip_prefix("application/vnd.")?
        .strip_suffix("+json")?;
    let (_organisation, rest) = words.split_once('.')?;
    let (kind, version) = rest.split_once(".config")?;
    let is_version = version.is_empty() || version.starts_with('.');
    (is_version && !kind.is_empty()).then(|| kind.to_ascii_uppercase())
}

fn accessory_type(accessory: &ArtifactRecord) -> &'static str {
    let said = accessory
        .artifact_type
        .as_deref()
        .or(accessory.config_media_type.as_deref())
        .unwrap_or_default();
    ACCESSORY_TYPES
        .iter()
        .find(|(media_type, _)| *media_type == said)
        .map_or("subject.accessory", |(_, kind)| kind)
}

/// What the config says: a few words of an image's, and the whole of a chart's.
fn extra_attributes(record: &ArtifactRecord, config: Option<&Value>) -> Value {
    let Some(config) = config.and_then(Value::as_object) else {
        return Value::Null;
    };
    if kind(record) != "IMAGE" {
        return Value::Object(config.clone());
    }
    let mut attributes = Map::new();
    for name in [
        "architecture",
        "author",
        "config",
        "created",
        "os",
        "variant",
    ] {
        if let Some(value) = config.get(name) {
            attributes.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(attributes)
}

fn addition_links(record: &ArtifactRecord, config: Option<&Value>) -> Value {
    let has_history =
        config.is_some_and(|config| config.get("history").is_some_and(Value::is_array));
    let Ok(name) = RepositoryName::parse(&record.repository_name) else {
        return json!({});
    };
    if !has_history {
        return json!({});
    }
    let repository = percent_encode(&percent_encode(name.within_project()));
    json!({
        "build_history": {
            "absolute": false,
            "href": format!(
                "/api/v2.0/projects/{}/repositories/{repository}/artifacts/{}/additions/build_history",
                name.project(),
                record.digest
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_by_media_types() {
        for (media_type, kind) in [
            ("application/vnd.acme.rocket.config.v1+json", Some("ROCKET")),
            ("application/vnd.acme.rocket.config+json", Some("ROCKET")),
            ("application/vnd.acme.config.v1+json", None),
            ("application/json", None),
            ("application/vnd.oci.empty.v1+json", None),
        ] {
            assert_eq!(
                named_by_media_type(media_type).as_deref(),
                kind,
                "{media_type}"
            );
        }
    }
}
