//! Pushes to registries that are not there, do not know us or die, and of images that are damaged on this machine.

use std::time::Instant;

use testkit::{
    BuiltImage, ImageBuilder, LayerCompression, Sandbox, ScriptedRegistry, TarBuilder,
    TestRegistry, read, write,
};

use crate::fixture::{
    assert_pulls, assert_refused, assert_sound, good_image, names, noise, sandbox,
};

/// How many moments of a push the registry dies at.
const MOMENTS: u32 = 6;

/// A sandbox that has `image` under `name`.
fn with_image(image: &BuiltImage, name: &str) -> Sandbox {
    let sandbox = sandbox();
    let registry = ScriptedRegistry::start(&image.artifact());
    let source = crate::fixture::name(&registry);
    assert_pulls("set-up", &sandbox, &source, image);
    sandbox.wharf(["tag", &source, name]).run().success();
    sandbox.wharf(["rmi", &source]).run().success();
    sandbox
}

fn tags(registry: &TestRegistry, repository: &str) -> String {
    let path = format!("/v2/{repository}/tags/list");
    String::from_utf8(registry.request("GET", &path, &[], b"").body).unwrap()
}

#[test]
fn registries_that_are_not_there_or_do_not_know_us() {
    let image = good_image();
    let name = "127.0.0.1:1/team/app:1";
    let sandbox = with_image(&image, name);
    let output = sandbox.wharf(["push", name]).run();
    assert_refused(
        "nobody there",
        &output,
        &["127.0.0.1:1", "connection refused"],
    );
    let Some(registry) = TestRegistry::builder().password().start() else {
        return;
    };
    let closed = format!("{}/team/app:1", registry.address());
    sandbox.wharf(["tag", name, &closed]).run().success();
    let output = sandbox.wharf(["push", &closed]).run();
    assert_refused("nobody's", &output, &["no basic auth credentials"]);
    let config = format!(
        r#"{{"auths":{{"{}":{{"username":"{}","password":"wrong"}}}}}}"#,
        registry.address(),
        testkit::REGISTRY_USER
    );
    write(&sandbox.docker_config().join("config.json"), config);
    let output = sandbox.wharf(["push", &closed]).run();
    assert_refused(
        "a wrong password",
        &output,
        &["unauthorized: authentication required"],
    );
    assert_sound("after refusals", &sandbox);
}

#[test]
fn a_registry_that_dies_in_the_middle() {
    let layer = |path: &str| TarBuilder::new().file(path, noise(6 << 20)).finish();
    let image = ImageBuilder::new()
        .compressed_layer(layer("one"), LayerCompression::None, "ADD one /")
        .compressed_layer(layer("two"), LayerCompression::Gzip, "ADD two /")
        .build();
    let Some(mut registry) = TestRegistry::start() else {
        return;
    };
    let name = format!("{}/first:1", registry.address());
    let sandbox = with_image(&image, &name);
    let started = Instant::now();
    sandbox.wharf(["push", &name]).run().success();
    let whole = started.elapsed();
    for moment in 0..MOMENTS {
        let repository = format!("moment-{moment}");
        let what = format!("{repository} of {MOMENTS} in {whole:?}");
        let name = format!("{}/{repository}:1", registry.address());
        sandbox
            .wharf(["tag", &image.id.to_string(), &name])
            .run()
            .success();
        // Blobs of the first push would only be linked.
        let storage = registry.storage().join("docker");
        registry.pause();
        std::fs::remove_dir_all(storage).unwrap();
        registry.resume();
        let child = sandbox.wharf(["push", "--quiet", &name]).spawn();
        let mut child = crate::processes::Killed(child);
        crate::processes::wait(whole * moment / MOMENTS);
        registry.pause();
        let status = child.0.wait().unwrap();
        registry.resume();
        // It may have been done before.
        let is_there = tags(&registry, &repository).contains("\"1\"");
        assert!(is_there || status.code() == Some(1), "{what}: {status}");
        sandbox.wharf(["push", &name]).run().success();
        let other = crate::fixture::sandbox();
        assert_pulls(&what, &other, &name, &image);
    }
}

#[test]
fn damaged_blobs_are_not_pushed() {
    let image = good_image();
    let Some(registry) = TestRegistry::start() else {
        return;
    };
    let name = format!("{}/damaged:1", registry.address());
    let sandbox = with_image(&image, &name);
    let blob = sandbox
        .root()
        .join("blobs/sha256")
        .join(image.layers[1].blob.digest().hex());
    let good = read(&blob);
    let mut bad = good.clone();
    bad[1_000] ^= 1;
    let cases: [(&str, Option<&[u8]>); 3] = [
        ("one bit", Some(&bad)),
        ("too short", Some(&good[..good.len() - 1])),
        ("gone", None),
    ];
    for (what, content) in cases {
        match content {
            Some(content) => write(&blob, content),
            None => std::fs::remove_file(&blob).unwrap(),
        }
        let output = sandbox.wharf(["push", &name]).run();
        let digest = image.layers[1].blob.digest().hex();
        let remedy = content.map_or("", |_| "wharf system check --repair");
        assert_refused(what, &output, &[&digest, remedy]);
        assert!(!tags(&registry, "damaged").contains("\"1\""), "{what}");
    }
    write(&blob, &good);
    sandbox.wharf(["push", &name]).run().success();
    assert!(names(&sandbox.root().join("removing")).is_empty());
}
