//! `buildx imagetools` against a real registry: what is shown of images there, and what new indexes look like.

#![expect(
    clippy::unwrap_used,
    reason = "a test's set-up that fails ends the test"
)]

use serde_json::{Value, json};
use testkit::{
    Artifact, Blob, BuiltImage, Dialect, ImageBuilder, IndexBuilder, Sandbox, TarBuilder,
    TestRegistry, write,
};

const IN_TOTO: &str = "application/vnd.in-toto+json";

fn image(platform: &str, dialect: Dialect) -> BuiltImage {
    let layer = TarBuilder::new().file("for", platform).finish();
    ImageBuilder::new()
        .dialect(dialect)
        .platform(platform)
        .created("2012-03-04T05:06:07Z")
        .layer(layer, "COPY for / # <buildkit>")
        .container("Cmd", json!(["/for"]))
        .build()
}

/// An OCI index of two images, each with what a build said about it.
fn attested() -> Artifact {
    let mut index = IndexBuilder::new(Dialect::Oci);
    let mut attestations = Vec::new();
    for platform in ["linux/amd64", "linux/arm64"] {
        let image = image(platform, Dialect::Oci);
        index = index.image(&image);
        attestations.push((image.manifest.digest(), attestation(platform)));
    }
    for (about, attestation) in &attestations {
        let mut entry = json!(attestation.root().descriptor);
        entry["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        entry["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": about.to_string(),
        });
        index = index.entry(&entry);
    }
    let mut artifact = index.build().artifact();
    let root = artifact.manifests.pop().unwrap();
    for (_, attestation) in attestations {
        artifact.blobs.extend(attestation.blobs);
        artifact.manifests.extend(attestation.manifests);
    }
    artifact.manifests.push(root);
    artifact
}

fn attestation(platform: &str) -> Artifact {
    let config = Blob::new("application/vnd.oci.image.config.v1+json", b"{}".to_vec());
    let mut blobs = vec![config];
    let mut layers = Vec::new();
    for (predicate_type, predicate) in [
        ("https://spdx.dev/Document", json!({"name": platform})),
        (
            "https://slsa.dev/provenance/v0.2",
            json!({"builder": {"id": platform}}),
        ),
    ] {
        let statement = json!({"predicateType": predicate_type, "predicate": predicate});
        let blob = Blob::new(IN_TOTO, statement.to_string().into_bytes());
        let mut layer = json!(blob.descriptor);
        layer["annotations"] = json!({"in-toto.io/predicate-type": predicate_type});
        layers.push(layer);
        blobs.push(blob);
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blobs[0].descriptor,
        "layers": layers,
    });
    let manifest = Blob::new(
        "application/vnd.oci.image.manifest.v1+json",
        manifest.to_string().into_bytes(),
    );
    Artifact {
        blobs,
        manifests: vec![manifest],
    }
}

struct Place {
    registry: TestRegistry,
    sandbox: Sandbox,
}

impl Place {
    /// `team/amd64:1`, `team/arm64:1` and `team/attested:1` in a registry.
    fn new() -> Option<Self> {
        let registry = TestRegistry::builder().start()?;
        for (platform, repository) in [("linux/amd64", "team/amd64"), ("linux/arm64", "team/arm64")]
        {
            registry.push(
                &image(platform, Dialect::Docker).artifact(),
                repository,
                "1",
            );
        }
        registry.push(&attested(), "team/attested", "1");
        Some(Self {
            registry,
            sandbox: Sandbox::new(),
        })
    }

    fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.address())
    }

    fn imagetools(&self, arguments: &[&str]) -> testkit::Output {
        let arguments = ["buildx", "imagetools"].iter().chain(arguments);
        self.sandbox.wharf(arguments).run()
    }

    fn inspect(&self, name: &str, format: &str) -> String {
        let name = self.name(name);
        let output = self.imagetools(&["inspect", "--format", format, &name]);
        output.success().text()
    }

    fn raw(&self, name: &str) -> String {
        let name = self.name(name);
        self.imagetools(&["inspect", "--raw", &name])
            .success()
            .text()
    }
}

#[test]
fn indexes_are_shown_as_buildx_shows_them() {
    let Some(place) = Place::new() else { return };
    let artifact = attested();
    let root = artifact.root();
    let name = place.name("team/attested:1");
    let text = place.imagetools(&["inspect", &name]).success().text();
    let index: Value = serde_json::from_slice(&root.bytes).unwrap();
    let digest = |at: usize| {
        index["manifests"][at]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let mut expected = vec![format!(
        "Name:      {name}\nMediaType: application/vnd.oci.image.index.v1+json\nDigest:    {}\n{:11}\nManifests: \n",
        root.digest(),
        ""
    )];
    let platforms = ["linux/amd64", "linux/arm64", "unknown/unknown"];
    for (at, platform) in [0, 1, 2, 2].into_iter().enumerate() {
        if at > 0 {
            expected.push(format!("{:15}\n", ""));
        }
        expected.push(format!(
            "  Name:        {name}@{}\n  MediaType:   {media_type}\n  Platform:    {}\n",
            digest(at),
            platforms[platform]
        ));
        if at > 1 {
            expected.push(format!(
                "  Annotations: \n    vnd.docker.reference.digest: {}\n    vnd.docker.reference.type:   attestation-manifest\n",
                digest(at - 2)
            ));
        }
    }
    assert_eq!(text, expected.concat());
    assert_eq!(place.inspect("team/attested:1", "{{.Manifest}}"), text);
    assert_eq!(place.raw("team/attested:1").into_bytes(), root.bytes);
}

#[test]
fn templates_see_the_fields_of_go() {
    let Some(place) = Place::new() else { return };
    let artifact = attested();
    let root = artifact.root();
    let name = place.name("team/attested:1");
    let table = [
        ("{{.Name}}", name.clone()),
        ("{{.Manifest.Digest}}", root.digest().to_string()),
        ("{{.Manifest.Size}}", root.bytes.len().to_string()),
        ("{{len .Manifest.Manifests}}", "4".to_owned()),
        (
            "{{range .Manifest.Manifests}}{{.Platform.OS}}/{{.Platform.Architecture}} {{end}}",
            "linux/amd64 linux/arm64 unknown/unknown unknown/unknown ".to_owned(),
        ),
        (
            r#"{{(index .Image "linux/arm64").Architecture}}"#,
            "arm64".to_owned(),
        ),
        (
            r#"{{json (index .Image "linux/arm64").Config}}"#,
            "{\n  \"Cmd\": [\n    \"/for\"\n  ]\n}".to_owned(),
        ),
        (
            r#"{{json (index .SBOM "linux/arm64").SPDX}}"#,
            "{\n  \"name\": \"linux/arm64\"\n}".to_owned(),
        ),
        (
            r#"{{(index .Provenance "linux/amd64").SLSA.builder.id}}"#,
            "linux/amd64".to_owned(),
        ),
    ];
    for (format, expected) in table {
        assert_eq!(
            place.inspect("team/attested:1", format),
            expected,
            "{format}"
        );
    }
    let manifest: Value =
        serde_json::from_str(&place.inspect("team/attested:1", "{{json .Manifest}}")).unwrap();
    let keys: Vec<&String> = manifest.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["schemaVersion", "mediaType", "digest", "size", "manifests"]
    );

    // One image is seen itself.
    let steps = "{{range .Image.History}}{{json .CreatedBy}}{{end}} {{json .SBOM}}";
    assert_eq!(
        place.inspect("team/amd64:1", steps),
        "\"COPY for / # \\u003cbuildkit\\u003e\" {}"
    );
    let everything: Value =
        serde_json::from_str(&place.inspect("team/amd64:1", "{{json .}}")).unwrap();
    let keys: Vec<&String> = everything.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "manifest", "image"]);
    assert_eq!(everything["image"]["architecture"], "amd64");
    assert_eq!(everything["image"]["created"], "2012-03-04T05:06:07Z");
}

#[test]
fn what_cannot_be_shown() {
    let Some(place) = Place::new() else { return };
    let nothing = place.name("team/nothing:1");
    for (arguments, error) in [
        (vec!["inspect", &nothing], format!("{nothing}: not found\n")),
        (
            vec!["inspect", "--raw", "--format", "x", &nothing],
            "format and raw cannot be used together\n".to_owned(),
        ),
        (vec!["create"], "no sources specified\n".to_owned()),
        (
            vec!["create", &nothing],
            "can't push with no tags specified, please set --tag or --dry-run\n".to_owned(),
        ),
        (
            vec!["create", "--dry-run", &nothing],
            format!("{nothing}: not found\n"),
        ),
        (
            vec!["create", "--dry-run", "sha256:12", &nothing],
            "failed to parse source \"sha256:12\", valid sources are digests, references and descriptors: \
             invalid checksum digest length\n"
                .to_owned(),
        ),
        (
            vec!["create", "--dry-run", "--annotation", "a=b", &nothing],
            "failed to parse annotations: \"manifest\" annotations are not supported yet\n".to_owned(),
        ),
    ] {
        let output = place.imagetools(&arguments).exits_with(1);
        assert_eq!(output.error_text(), error, "{arguments:?}");
    }
}

#[test]
fn new_indexes_are_those_of_buildx() {
    let Some(place) = Place::new() else { return };
    let (amd64, arm64) = (place.name("team/amd64:1"), place.name("team/arm64:1"));
    let both = place.name("team/both:1");
    let output = place
        .imagetools(&["create", "--tag", &both, &amd64, &arm64])
        .success();
    assert_eq!(output.text(), "");
    let entry = |platform: &str| {
        let image = image(platform, Dialect::Docker).manifest;
        let architecture = platform.rsplit('/').next().unwrap();
        format!(
            r#"    {{
      "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
      "digest": "{}",
      "size": {},
      "platform": {{
        "architecture": "{architecture}",
        "os": "linux"
      }}
    }}"#,
            image.digest(),
            image.bytes.len()
        )
    };
    let list = format!(
        r#"{{
  "schemaVersion": 2,
  "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
  "manifests": [
{},
{}
  ]
}}"#,
        entry("linux/amd64"),
        entry("linux/arm64")
    );
    assert_eq!(place.raw("team/both:1"), list);

    // One index alone stays what it is, wherever it goes, with all that it lists.
    let copy = place.name("copy/both:1");
    place.imagetools(&["create", "-t", &copy, &both]).success();
    assert_eq!(place.raw("copy/both:1"), list);
    place.sandbox.wharf(["pull", "-q", &copy]).run().success();

    // A manifest alone becomes an index, unless a copy of it is wanted.
    let one = place.name("copy/amd64:1");
    place.imagetools(&["create", "-t", &one, &amd64]).success();
    assert_eq!(
        place.inspect("copy/amd64:1", "{{len .Manifest.Manifests}}"),
        "1"
    );
    place
        .imagetools(&["create", "--prefer-index=false", "-t", &one, &amd64])
        .success();
    assert_eq!(place.raw("copy/amd64:1"), place.raw("team/amd64:1"));
}

#[test]
fn sources_are_names_digests_and_descriptors() {
    let Some(place) = Place::new() else { return };
    let (amd64, arm64) = (place.name("team/amd64:1"), place.name("team/arm64:1"));
    let (first, second) = (place.name("team/all:1"), place.name("team/all:2"));
    place
        .imagetools(&["create", "-t", &first, &amd64])
        .success();
    place
        .imagetools(&["create", "-t", &first, "--append", &arm64])
        .success();
    let platforms = "{{range .Manifest.Manifests}}{{.Platform.Architecture}} {{end}}";
    assert_eq!(place.inspect("team/all:1", platforms), "amd64 arm64 ");

    // Digests and descriptors are of the only repository that is spoken of, whether it is in a tag or in a source.
    let digest = |platform| {
        image(platform, Dialect::Docker)
            .manifest
            .digest()
            .to_string()
    };
    let descriptor = json!({
        "digest": digest("linux/amd64"),
        "platform": {"os": "linux", "architecture": "amd64", "variant": "v3"},
        "annotations": {"said": "in the file"},
    });
    let file = place.sandbox.work().join("descriptor.json");
    write(&file, format!("{descriptor}\n"));
    let file = file.display().to_string();
    place
        .imagetools(&["create", "-t", &second, "-f", &file, &digest("linux/arm64")])
        .success();
    let said = "{{range .Manifest.Manifests}}{{.Platform.Variant}} {{.Annotations}};{{end}}";
    assert_eq!(
        place.inspect("team/all:2", said),
        "v3 map[said:in the file]; map[];"
    );
    let output = place
        .imagetools(&["create", "--dry-run", "-f", &file])
        .exits_with(1);
    assert_eq!(
        output.error_text(),
        "no repositories specified, please set a reference in tag or source\n"
    );
    let output = place
        .imagetools(&["create", "--dry-run", "-f", &file, &amd64, &arm64])
        .exits_with(1);
    assert_eq!(
        output.error_text(),
        format!(
            "multiple repositories specified, cannot infer repository for {:?}\n",
            digest("linux/amd64")
        )
    );

    // Annotations, which a manifest list has no place for, make it an index.
    let output = place
        .imagetools(&[
            "create",
            "--dry-run",
            "--annotation",
            "index:team=harbour",
            "--annotation",
            "manifest-descriptor[linux/arm64]:for=arm",
            &amd64,
            &arm64,
        ])
        .success();
    let index: Value = serde_json::from_str(&output.text()).unwrap();
    assert_eq!(
        index["mediaType"],
        "application/vnd.oci.image.index.v1+json"
    );
    assert_eq!(index["annotations"], json!({"team": "harbour"}));
    assert_eq!(index["manifests"][0].get("annotations"), None);
    assert_eq!(index["manifests"][1]["annotations"], json!({"for": "arm"}));
}
