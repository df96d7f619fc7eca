//! How an image was built, as SLSA provenance in the shapes that `BuildKit` writes.
//!
//! Nothing in it depends on when or where it was built, so that the same build attests the same bytes: neither times nor a
//! number of the call are said, unless the times of files are kept as well.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wharf_build::plan::{Action, CopySource, Plan, StageBase};
use wharf_oci::Platform;

/// What `BuildKit` calls the way its builds are described.
const BUILD_TYPE_V1: &str =
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
const BUILD_TYPE_V02: &str = "https://mobyproject.org/buildkit@v1";
const V1: &str = "https://slsa.dev/provenance/v1";
const V02: &str = "https://slsa.dev/provenance/v0.2";

/// Attestations that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attestations {
    /// How the image was built.
    pub provenance: Option<ProvenanceOptions>,
    /// What is in it.
    pub contents: bool,
}

/// How much of a build is told, and in which shape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvenanceOptions {
    /// Also values of build arguments, the Dockerfile, and the steps.
    pub is_max: bool,
    /// SLSA 0.2 instead of 1.
    pub is_v02: bool,
    /// Whether it is said that the build is reproducible; it is unless times are kept.
    pub reproducible: Option<bool>,
    /// Who says that.
    pub builder_id: String,
    /// Only in images, not beside files that are exported.
    pub inline_only: bool,
    /// What the file is called beside such; `provenance.json` if nothing is said.
    pub file_name: Option<String>,
}

/// What is told of a build.
#[derive(Debug)]
pub(super) struct BuildStory<'a> {
    pub(super) plan: &'a Plan,
    pub(super) platform: &'a Platform,
    pub(super) build_platform: &'a Platform,
    /// The Dockerfile's name and bytes.
    pub(super) file: (&'a str, &'a [u8]),
    pub(super) build_arguments: &'a BTreeMap<String, String>,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) target: Option<&'a str>,
    /// A git repository or a URL, where the context is one.
    pub(super) context: Option<&'a str>,
    pub(super) no_cache: bool,
    /// Begin and end, where times are kept.
    pub(super) times: Option<(Timestamp, Timestamp)>,
}

/// The type of the predicate, and the predicate.
pub(super) fn provenance(
    story: &BuildStory<'_>,
    options: &ProvenanceOptions,
) -> (&'static str, Value) {
    if options.is_v02 {
        (V02, v02(story, options))
    } else {
        (V1, v1(story, options))
    }
}

fn v1(story: &BuildStory<'_>, options: &ProvenanceOptions) -> Value {
    let mut internal = Map::new();
    if options.is_max {
        internal.insert("buildConfig".to_owned(), steps(story.plan));
    }
    let builder = json!(story.build_platform.to_string());
    internal.insert("builderPlatform".to_owned(), builder);
    let dependencies: Vec<Value> = materials(story)
        .into_iter()
        .map(|(uri, digest)| json!({"uri": uri, "digest": digest}))
        .collect();
    let mut metadata = json!({
        "buildkit_completeness": {"request": options.is_max, "resolvedDependencies": false},
        "buildkit_reproducible": is_reproducible(story, options),
    });
    add_times(&mut metadata, story, ["startedOn", "finishedOn"]);
    if options.is_max {
        put(&mut metadata, "buildkit_metadata", source(story));
    }
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE_V1,
            "externalParameters": {
                "configSource": config_source(story, "path"),
                "request": request(story, options),
            },
            "internalParameters": internal,
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": {"id": options.builder_id},
            "metadata": metadata,
        },
    })
}

fn v02(story: &BuildStory<'_>, options: &ProvenanceOptions) -> Value {
    let materials: Vec<Value> = materials(story)
        .into_iter()
        .map(|(uri, digest)| json!({"uri": uri, "digest": digest}))
        .collect();
    let mut metadata = json!({
        "completeness": {"parameters": options.is_max, "environment": true, "materials": false},
        "reproducible": is_reproducible(story, options),
    });
    add_times(&mut metadata, story, ["buildStartedOn", "buildFinishedOn"]);
    if options.is_max {
        put(
            &mut metadata,
            "https://mobyproject.org/buildkit@v1#metadata",
            source(story),
        );
    }
    let mut predicate = json!({
        "builder": {"id": options.builder_id},
        "buildType": BUILD_TYPE_V02,
        "materials": materials,
        "invocation": {
            "configSource": config_source(story, "entryPoint"),
            "parameters": request(story, options),
            "environment": {"platform": story.build_platform.to_string()},
        },
        "metadata": metadata,
    });
    if options.is_max {
        put(&mut predicate, "buildConfig", steps(story.plan));
    }
    predicate
}

fn is_reproducible(story: &BuildStory<'_>, options: &ProvenanceOptions) -> bool {
    options.reproducible.unwrap_or(story.times.is_none())
}

fn put(document: &mut Value, key: &str, value: Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

fn add_times(metadata: &mut Value, story: &BuildStory<'_>, names: [&str; 2]) {
    if let Some((begin, end)) = story.times {
        for (name, time) in names.into_iter().zip([begin, end]) {
            put(metadata, name, json!(time.to_string()));
        }
    }
}

/// Where the Dockerfile is from.
fn config_source(story: &BuildStory<'_>, path: &str) -> Value {
    let mut source = json!({path: story.file.0});
    if let Some(context) = story.context {
        put(&mut source, "uri", json!(context));
    }
    source
}

/// What was asked for. Values of arguments may be private: only the full form has them.
fn request(story: &BuildStory<'_>, options: &ProvenanceOptions) -> Value {
    let mut arguments = Map::new();
    if options.is_max {
        for (name, value) in story.build_arguments {
            arguments.insert(format!("build-arg:{name}"), json!(value));
        }
        for (name, value) in story.labels {
            arguments.insert(format!("label:{name}"), json!(value));
        }
    }
    if let Some(target) = story.target {
        arguments.insert("target".to_owned(), json!(target));
    }
    if story.no_cache {
        arguments.insert("no-cache".to_owned(), json!(""));
    }
    let locals = match story.context {
        Some(_) => json!([]),
        None => json!([{"name": "context"}, {"name": "dockerfile"}]),
    };
    json!({"frontend": "dockerfile.v0", "args": arguments, "locals": locals})
}

/// What went into it from elsewhere: base images with their digests, files of web servers with theirs where they are known.
fn materials(story: &BuildStory<'_>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for stage in &story.plan.stages {
        if let StageBase::Image(base) = &stage.base {
            let platform = stage.platform.to_string().replace('/', "%2F");
            let (name, digest) = base.shown.split_once('@').unwrap_or((&base.shown, ""));
            let (name, tag) = match name.rsplit_once(':') {
                Some((name, tag)) if !tag.contains('/') => (name, format!("@{tag}")),
                _ => (name, String::new()),
            };
            let name = name.strip_prefix("docker.io/library/").unwrap_or(name);
            let name = name.strip_prefix("docker.io/").unwrap_or(name);
            let uri = format!("pkg:docker/{name}{tag}?platform={platform}");
            found.insert(uri, digests(digest));
        }
        for step in &stage.steps {
            let Action::Copy(action) = &step.action else {
                continue;
            };
            for source in &action.sources {
                if let CopySource::Url(address) | CopySource::Git(address) = source {
                    let digest = action.checksum.as_deref().unwrap_or_default();
                    found.insert(address.clone(), digests(digest));
                }
            }
        }
    }
    if let Some(context) = story.context {
        found.insert(context.to_owned(), json!({}));
    }
    found
}

/// `sha256:...` as SLSA writes it; a bare commit of git is its SHA-1.
fn digests(text: &str) -> Value {
    match text.split_once(':') {
        Some((algorithm, hash)) => json!({algorithm: hash}),
        None if text.is_empty() => json!({}),
        None => json!({"sha1": text}),
    }
}

/// The steps in their order, where `BuildKit` writes its own graph.
fn steps(plan: &Plan) -> Value {
    let stages = plan.stages.iter().map(|stage| {
        let steps: Vec<&str> = stage
            .steps
            .iter()
            .map(|step| step.created_by.as_str())
            .collect();
        json!({"name": stage.name, "platform": stage.platform.to_string(), "steps": steps})
    });
    json!({"stages": stages.collect::<Vec<_>>()})
}

/// The Dockerfile itself.
fn source(story: &BuildStory<'_>) -> Value {
    let (name, bytes) = story.file;
    json!({"source": {"infos": [{
        "filename": name,
        "language": "Dockerfile",
        "data": BASE64.encode(bytes),
    }]}})
}
