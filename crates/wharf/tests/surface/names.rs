//! Names that come and go.

use testkit::{ImageBuilder, Sandbox, TarBuilder, TestRegistry};

/// The digest of what is up to date is a name of it again, as in Docker.
#[test]
fn a_pull_brings_the_name_by_digest_back() {
    let Some(registry) = TestRegistry::start() else {
        return;
    };
    let layer = TarBuilder::new().file("a", "a\n").finish();
    let image = ImageBuilder::new().layer(layer, "COPY a /").build();
    registry.push(&image.artifact(), "app", "1");
    let name = format!("{}/app:1", registry.address());
    let sandbox = Sandbox::new();
    let digests = || {
        let words = ["inspect", "-f", "{{range .RepoDigests}}{{.}}{{end}}", &name];
        sandbox.wharf(words).run().success().text()
    };
    sandbox.wharf(["pull", &name]).run().success();
    let by_digest = digests();
    assert!(by_digest.contains("/app@sha256:"), "{by_digest}");
    let rmi = sandbox.wharf(["rmi", by_digest.trim()]);
    rmi.run().success();
    assert_eq!(digests().trim(), "");
    let output = sandbox.wharf(["pull", &name]).run().success();
    assert!(output.text().contains("Image is up to date"));
    assert_eq!(digests(), by_digest);
}

/// The history of an image tells where it was imported from, but no password.
#[test]
fn an_import_names_its_source() {
    let Some(registry) = TestRegistry::start() else {
        return;
    };
    let layer = TarBuilder::new().file("a", "a\n").finish();
    let image = ImageBuilder::new().layer(layer, "COPY a /").build();
    registry.push(&image.artifact(), "app", "1");
    let blob = image.layers[0].blob.digest();
    let address = registry.address();
    let path = format!("{address}/v2/app/blobs/{blob}");
    let sandbox = Sandbox::new();
    for (source, shown) in [
        (format!("http://{path}"), format!("http://{path}")),
        (
            format!("http://anna:secret@{path}?signature=x"),
            format!("http://anna:***@{path}"),
        ),
    ] {
        let import = sandbox.wharf(["import", &source, "app:1"]);
        let output = import.run().success();
        let first = format!("Downloading from {shown}\n");
        assert!(output.text().starts_with(&first), "{}", output.text());
        let words = ["history", "--no-trunc", "--format", "{{.Comment}}", "app:1"];
        let comment = sandbox.wharf(words).run().success().text();
        assert_eq!(comment, format!("Imported from {shown}\n"));
    }
}
