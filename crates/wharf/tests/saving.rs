//! Archives of images that have several manifests here.

use testkit::{ImageBuilder, LayerCompression, Sandbox, TarBuilder, TestRegistry, docker_archive};

/// A loaded image has a manifest over plain layers; pulled after its push, one over compressed layers too. Each name
/// keeps its own in an archive, with the layers that it points to.
#[test]
fn every_name_is_saved_with_its_own_manifest() {
    let Some(registry) = TestRegistry::builder().start() else {
        return;
    };
    let layer = TarBuilder::new().file("a", "a\n").finish();
    let image = ImageBuilder::new()
        .compressed_layer(layer, LayerCompression::None, "COPY a /")
        .build();
    let pushed = format!("{}/team/web:1", registry.address());
    let sandbox = Sandbox::new();
    let archive = docker_archive(&[(&image, &["plain:1", &pushed])]);
    sandbox.wharf(["load"]).input(archive).run().success();
    sandbox.wharf(["push", "-q", &pushed]).run().success();
    sandbox.wharf(["pull", "-q", &pushed]).run().success();

    let digest = |sandbox: &Sandbox, name: &str| {
        let format = "{{.ID}} {{.Descriptor.Digest}}";
        let output = sandbox
            .wharf(["image", "inspect", "-f", format, name])
            .run();
        output.success().text()
    };
    let saved = sandbox.work().join("saved.tar");
    let saved = saved.display().to_string();
    sandbox
        .wharf(["save", "-o", &saved, "plain:1", &pushed])
        .run()
        .success();
    let other = Sandbox::new();
    let output = other.wharf(["load", "-i", &saved]).run().success();
    assert_eq!(
        output.text(),
        format!("Loaded image: plain:1\nLoaded image: {pushed}\n")
    );
    assert_eq!(digest(&other, &pushed), digest(&sandbox, &pushed));
    other.wharf(["system", "check"]).run().success();
}

/// What is for another platform than was asked for is left out, and an archive that has nothing else is refused.
#[test]
fn load_takes_the_platform_that_is_asked_for() {
    let image = |platform: &str| {
        let layer = TarBuilder::new().file("a", platform).finish();
        let image = ImageBuilder::new().platform(platform);
        image.layer(layer, "COPY a /").build()
    };
    let (ours, theirs) = (image("linux/amd64"), image("linux/arm64"));
    let archive = docker_archive(&[(&ours, &["ours:1"]), (&theirs, &["theirs:1"])]);
    for (platform, expected) in [
        ("linux/arm64", "Loaded image: theirs:1\n"),
        ("linux/amd64", "Loaded image: ours:1\n"),
    ] {
        let sandbox = Sandbox::new();
        let load = sandbox.wharf(["load", "--platform", platform]);
        assert_eq!(load.input(archive.clone()).run().success().text(), expected);
    }
    let sandbox = Sandbox::new();
    let load = sandbox.wharf(["load", "--platform", "linux/s390x"]);
    assert_eq!(
        load.input(archive).run().exits_with(1).error_text(),
        "no image for platform linux/s390x in the archive\n"
    );
    assert_eq!(sandbox.wharf(["images", "-q"]).run().success().text(), "");
}
