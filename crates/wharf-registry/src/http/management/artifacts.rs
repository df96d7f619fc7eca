//! Artifacts: manifests with their tags and what else is known of them.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::artifact_view::{shown, shown_accessory, shown_tag};
use super::paging::{list_request, listed};
use crate::access::Permission;
use crate::error::RegistryError;
use crate::http::admission::{
    Allowed, CreateArtifact, CreateTag, DeleteArtifact, DeleteTag, InProject, InRepository,
    ListAccessories, ListArtifacts, ListTags, ReadAddition, ReadArtifact,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::http::query::percent_encode;
use crate::repositories::{
    ArtifactCopy, ArtifactDetails, ManifestReference, RepositoryName, parse_tag,
};

/// A tag to be made.
#[derive(Debug, Deserialize)]
struct TagRequest {
    name: String,
}

/// `GET /projects/{project}/repositories/{repository}/artifacts`.
pub(in crate::http) async fn list_artifacts(
    call: Call,
    on: Allowed<InRepository, ListArtifacts>,
) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .list_artifacts(&on.name, request.clone(), details(&call))
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET /projects/{project}/artifacts`: those of all its repositories.
pub(in crate::http) async fn list_artifacts_of_project(
    call: Call,
    on: Allowed<InProject, ListArtifacts>,
) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .list_artifacts_of_project(on.project.id, request.clone(), details(&call))
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET .../artifacts/{reference}`.
pub(in crate::http) async fn get_artifact(
    call: Call,
    on: Allowed<InRepository, ReadArtifact>,
) -> Outcome {
    let reference = reference(&call)?;
    let artifact = call
        .registry
        .find_artifact(&on.name, &reference, details(&call))
        .await?;
    Ok(Answer::json(&shown(&artifact)))
}

/// `DELETE .../artifacts/{reference}`, with its tags and accessories.
pub(in crate::http) async fn delete_artifact(
    call: Call,
    on: Allowed<InRepository, DeleteArtifact>,
) -> Outcome {
    let reference = reference(&call)?;
    call.registry
        .delete_artifact(call.change(), &on.name, &reference)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `POST /projects/{project}/repositories/{repository}/artifacts?from=project/repository:tag`, or `@digest`.
pub(in crate::http) async fn copy_artifact(
    call: Call,
    on: Allowed<InRepository, CreateArtifact>,
) -> Outcome {
    let text = call.query.get("from").unwrap_or_default();
    let (source, reference) = parse_source(text)?;
    // Who may not pull from there is told the same as if it were not there.
    if !call.may_pull(&source).await? {
        return Err(RegistryError::NameUnknown {
            name: source.to_string(),
        }
        .into());
    }
    let copy = ArtifactCopy {
        source,
        reference,
        project: on.project.id,
        target: on.name.clone(),
        may_move_tags: call.may_in(&on.name, Permission::PUSH).await?,
    };
    let digest = call.registry.copy_artifact(call.change(), copy).await?;
    let repository = percent_encode(&percent_encode(on.name.within_project()));
    Ok(Answer::new(StatusCode::CREATED)
        .location(format!(
            "/api/v2.0/projects/{}/repositories/{repository}/artifacts/{digest}",
            on.project.name
        ))
        .length(0))
}

/// `GET .../artifacts/{reference}/tags`.
pub(in crate::http) async fn list_tags(call: Call, on: Allowed<InRepository, ListTags>) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .list_artifact_tags(&on.name, &reference(&call)?, request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown_tag))
}

/// `POST .../artifacts/{reference}/tags`.
pub(in crate::http) async fn create_tag(
    call: Call,
    on: Allowed<InRepository, CreateTag>,
) -> Outcome {
    let reference = reference(&call)?;
    let request: TagRequest = call.document().await?;
    let tag = parse_tag(&request.name)?;
    call.registry
        .create_tag(call.change(), &on.name, &reference, tag)
        .await?;
    Ok(Answer::new(StatusCode::CREATED)
        .location(format!("{}/{}", call.path, percent_encode(&request.name)))
        .length(0))
}

/// `DELETE .../artifacts/{reference}/tags/{tag}`.
pub(in crate::http) async fn delete_tag(
    call: Call,
    on: Allowed<InRepository, DeleteTag>,
) -> Outcome {
    let (reference, tag) = (reference(&call)?, call.parts.get("tag"));
    call.registry
        .delete_artifact_tag(call.change(), &on.name, &reference, tag)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `GET .../artifacts/{reference}/accessories`.
pub(in crate::http) async fn list_accessories(
    call: Call,
    on: Allowed<InRepository, ListAccessories>,
) -> Outcome {
    let request = list_request(&call)?;
    let (artifact, page) = call
        .registry
        .list_accessories(&on.name, &reference(&call)?, request.clone())
        .await?;
    Ok(listed(&call, &request, &page, |accessory| {
        shown_accessory(accessory, Some(artifact.id))
    }))
}

/// `GET .../artifacts/{reference}/additions/{addition}`: the history in an image's config. Harbor calls others by other names,
/// for artifacts that have them.
pub(in crate::http) async fn get_addition(
    call: Call,
    on: Allowed<InRepository, ReadAddition>,
) -> Outcome {
    let artifact = call
        .registry
        .find_artifact(&on.name, &reference(&call)?, ArtifactDetails::default())
        .await?;
    let addition = call.parts.get("addition");
    let history = artifact.config.and_then(|mut config| {
        let history = config.get_mut("history").map(Value::take);
        history.filter(Value::is_array)
    });
    match history {
        Some(history) if addition == "build_history" => Ok(Answer::json(&history)),
        _ => Err(HttpError::bad_request(format!(
            "the addition {addition:?} isn't supported for this artifact"
        ))),
    }
}

fn reference(call: &Call) -> Result<ManifestReference, HttpError> {
    Ok(ManifestReference::parse(call.parts.get("reference"))?)
}

/// Tags are wanted unless the query says otherwise, as in Harbor.
fn details(call: &Call) -> ArtifactDetails {
    ArtifactDetails {
        tags: call.query.get("with_tag") != Some("false"),
        accessories: call.query.is_true("with_accessory"),
    }
}

/// `project/repository:tag` or `project/repository@digest`.
fn parse_source(text: &str) -> Result<(RepositoryName, ManifestReference), HttpError> {
    let bad = || {
        HttpError::bad_request(
            "the parameter from is missing or cannot be read; it looks like project/repository:tag or project/repository@digest",
        )
    };
    let (name, reference) = match text.split_once('@') {
        Some((name, digest)) if digest.contains(':') => (name, digest),
        Some(_) => return Err(bad()),
        None => text.rsplit_once(':').ok_or_else(bad)?,
    };
    if !name.contains('/') {
        return Err(bad());
    }
    Ok((
        RepositoryName::parse(name)?,
        ManifestReference::parse(reference)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_whole_name() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, name, reference) in [
            ("a/b:1", "a/b", "1"),
            ("a/b/c:1", "a/b/c", "1"),
            (&format!("a/b@{digest}"), "a/b", digest.as_str()),
        ] {
            let (found, what) = parse_source(text).unwrap();
            assert_eq!(
                (found.as_str(), what.to_string()),
                (name, reference.to_owned())
            );
        }
        for bad in ["", "a/b", "b:1", "a/b:", "a/b@1", "A/b:1"] {
            assert!(parse_source(bad).is_err(), "{bad}");
        }
    }
}
