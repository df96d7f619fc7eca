//! The images that scenarios name. Their dates lie so far back that ages have two digits for a long time.

use serde_json::json;

use crate::image::{
    Artifact, BuiltImage, BuiltIndex, Dialect, ImageBuilder, IndexBuilder, LayerCompression,
};
use crate::tar::{Entry, TarBuilder};

/// One image, or several under one name.
pub(crate) struct Fixture {
    /// The image, or the first one of the index.
    pub(crate) image: BuiltImage,
    /// All of it.
    pub(crate) artifact: Artifact,
}

impl From<BuiltImage> for Fixture {
    fn from(image: BuiltImage) -> Self {
        Self {
            artifact: image.artifact(),
            image,
        }
    }
}

impl From<BuiltIndex> for Fixture {
    fn from(index: BuiltIndex) -> Self {
        let artifact = index.artifact();
        Self {
            artifact,
            image: index
                .images
                .into_iter()
                .next()
                .expect("an index with images"),
        }
    }
}

/// The image that scenarios call `name`.
pub(crate) fn fixture(name: &str) -> Fixture {
    match name {
        // One layer, one label, Docker's dialect.
        "base" => base().into(),
        // On top of `base`, with every field of a config that `inspect` shows.
        "web" => web().into(),
        // On top of `base` too, without labels.
        "api" => api().into(),
        // Three layers that hide and replace each other's files.
        "layered" => layered().into(),
        // The OCI dialect, one layer compressed by zstd and one not at all.
        "oci" => oci().into(),
        // No history, no container config, no date.
        "bare" => bare().into(),
        // `web` and images for other machines: Docker's manifest list.
        "many" => many().into(),
        // The same as an OCI index, with a build attestation.
        "many-oci" => many_oci().into(),
        // Nothing for an ordinary machine.
        "foreign" => IndexBuilder::new(Dialect::Docker)
            .image(&arm("s390x"))
            .build()
            .into(),
        other => panic!("there is no fixture `{other}`"),
    }
}

fn base_layer() -> Vec<u8> {
    // A program's worth of bytes that compress a little: a counter, so that every machine makes the same.
    let content: Vec<u8> = (0..330_000_u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    TarBuilder::new()
        .directory("bin/")
        .program("bin/tool", content)
        .symlink("bin/sh", "tool")
        .directory("etc/")
        .file("etc/motd", "hello\n")
        .finish()
}

fn with_base(created: &str) -> ImageBuilder {
    ImageBuilder::new()
        .created("2010-01-02T03:04:05Z")
        .layer(base_layer(), "/bin/sh -c #(nop) ADD file:1f3a in / ")
        .step("/bin/sh -c #(nop)  CMD [\"sh\"]")
        .created(created)
}

fn base() -> BuiltImage {
    with_base("2010-01-02T03:04:05Z")
        .container("Env", json!(["PATH=/bin"]))
        .container("Cmd", json!(["sh"]))
        .label("kind", "base")
        .build()
}

fn web() -> BuiltImage {
    let site = TarBuilder::new()
        .directory("srv/")
        .file("srv/index.html", "<h1>harbour</h1>\n".repeat(3_000))
        .entry(
            &Entry::file("srv/owner", "web\n")
                .owner(1000, 1000)
                .mode(0o640),
        )
        .finish();
    with_base("2012-03-04T05:06:07.123456789Z")
        .step("ENV PORT=8080 MODE=production")
        .history_entry(json!({
            "created": "2012-03-04T05:06:07.123456789Z",
            "author": "Harbour Master <master@example.org>",
            "created_by": "RUN /bin/sh -c make site --with-a-long-option=so-that-the-column-is-cut\tand a tab # buildkit",
            "comment": "buildkit.dockerfile.v0",
            "empty_layer": true,
        }))
        .layer(site, "COPY site /srv # buildkit")
        .config_field("author", json!("Harbour Master <master@example.org>"))
        .config_field("docker_version", json!("20.10.24"))
        .container("Env", json!(["PATH=/bin", "PORT=8080", "MODE=production"]))
        .container("Entrypoint", json!(["/bin/tool"]))
        .container("Cmd", json!(["serve", "--port=8080"]))
        .container("ExposedPorts", json!({"8080/tcp": {}, "53/udp": {}}))
        .container("Volumes", json!({"/var/data": {}}))
        .container("WorkingDir", json!("/srv"))
        .container("User", json!("1000:1000"))
        .container("StopSignal", json!("SIGQUIT"))
        .container("Healthcheck", json!({"Test": ["CMD", "/bin/tool", "check"], "Interval": 30_000_000_000_u64, "Retries": 3}))
        .label("kind", "web")
        .label("org.opencontainers.image.title", "Harbour \"web\" & <more>")
        .build()
}

fn api() -> BuiltImage {
    let program = TarBuilder::new()
        .directory("app/")
        .program("app/api", "api".repeat(20_000))
        .finish();
    with_base("2011-02-03T04:05:06Z")
        .layer(program, "COPY api /app # buildkit")
        .container("Entrypoint", json!(["/app/api"]))
        .build()
}

fn layered() -> BuiltImage {
    let lower = TarBuilder::new()
        .directory("data/")
        .file("data/one", "one\n")
        .file("data/two", "two\n")
        .finish();
    let middle = TarBuilder::new()
        .directory("data/")
        .whiteout("data/one")
        .file("data/three", "three\n")
        .finish();
    let upper = TarBuilder::new()
        .directory("data/")
        .opaque("data")
        .file("data/four", "four\n")
        .finish();
    ImageBuilder::new()
        .created("2009-08-07T06:05:04Z")
        .layer(lower, "COPY lower / # buildkit")
        .layer(middle, "RUN rm /data/one # buildkit")
        .layer(upper, "COPY upper / # buildkit")
        .container("Cmd", json!(["/data/four"]))
        .build()
}

fn oci() -> BuiltImage {
    let tar = TarBuilder::new()
        .directory("opt/")
        .file("opt/oci", "oci\n")
        .finish();
    ImageBuilder::new()
        .dialect(Dialect::Oci)
        .created("2013-04-05T06:07:08Z")
        .layer(base_layer(), "COPY base / # buildkit")
        .compressed_layer(tar, LayerCompression::None, "COPY oci /opt # buildkit")
        .container("Cmd", json!(["sh"]))
        .label("kind", "oci")
        .annotation("org.opencontainers.image.revision", "42")
        .build()
}

fn bare() -> BuiltImage {
    let tar = TarBuilder::new().file("only", "only\n").finish();
    let image = ImageBuilder::new()
        .layer(tar, "no step: the config is replaced")
        .build();
    let diff_id = image
        .layers
        .first()
        .expect("the layer added above")
        .diff_id
        .digest()
        .to_string();
    let rootfs = json!({"type": "layers", "diff_ids": [diff_id]});
    let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs});
    image.with_config(config.to_string().into_bytes())
}

fn arm(architecture: &str) -> BuiltImage {
    let tar = TarBuilder::new()
        .directory("bin/")
        .program("bin/tool", format!("a program for {architecture}\n"))
        .finish();
    ImageBuilder::new()
        .platform(&format!("linux/{architecture}"))
        .created("2012-03-04T05:06:07Z")
        .layer(tar, "COPY tool /bin # buildkit")
        .container("Cmd", json!(["/bin/tool"]))
        .build()
}

fn many() -> BuiltIndex {
    let images = [arm("arm/v7"), arm("arm64/v8"), web()];
    images
        .iter()
        .fold(IndexBuilder::new(Dialect::Docker), IndexBuilder::image)
        .build()
}

fn many_oci() -> BuiltIndex {
    let image = oci();
    let attestation = ImageBuilder::new().dialect(Dialect::Oci).build();
    let mut entry = json!(attestation.manifest.descriptor);
    entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.manifest.digest().to_string(),
    });
    let mut index = IndexBuilder::new(Dialect::Oci)
        .image(&image)
        .entry(&entry)
        .annotation("org.example.team", "harbour")
        .build();
    index.images.push(attestation);
    index
}
