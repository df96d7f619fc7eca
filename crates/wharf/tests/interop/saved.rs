//! Archives that Wharf writes, read by the others: the same ID, the same digests, the same files.

use std::path::PathBuf;

use testkit::{
    BuiltImage, Dialect, DockerDaemon, LayerCompression, Sandbox, TestRegistry, list_tree,
    running_as_root,
};

use crate::fixture::{rich_image, sparse_layer};

const NAME: &str = "localhost/harbour/rich:1.0";

/// An image that was pulled, and the archive that Wharf wrote of it under [`NAME`].
struct Saved {
    image: BuiltImage,
    archive: PathBuf,
}

fn saved(sandbox: &Sandbox, registry: &TestRegistry, dialect: Dialect) -> Saved {
    let sparse = sparse_layer(sandbox);
    let image = rich_image(dialect, LayerCompression::Gzip, sparse).build();
    registry.push(&image.artifact(), "rich", "1.0");
    let name = format!("{}/rich:1.0", registry.address());
    sandbox.wharf(["pull", "--quiet", &name]).run().success();
    sandbox.wharf(["tag", &name, NAME]).run().success();
    let archive = sandbox.work().join("saved.tar");
    let save = sandbox.wharf(["save", NAME, "--output"]).arg(&archive);
    save.run().success();
    Saved { image, archive }
}

#[test]
fn privileged_dockerd_loads_what_was_saved() {
    for dialect in [Dialect::Docker, Dialect::Oci] {
        let sandbox = Sandbox::new();
        let (Some(registry), Some(daemon)) = (TestRegistry::start(), DockerDaemon::start()) else {
            return;
        };
        let saved = saved(&sandbox, &registry, dialect);
        let load = daemon
            .docker(&sandbox, ["load", "--input"])
            .arg(&saved.archive);
        let text = load.run().success().text();
        assert!(text.contains(&format!("Loaded image: {NAME}\n")), "{text}");
        let inspect = daemon.docker(&sandbox, ["image", "inspect", "--format", "{{.Id}}", NAME]);
        assert_eq!(
            inspect.run().success().text().trim(),
            saved.image.id.to_string()
        );
    }
}

#[test]
fn privileged_podman_loads_what_was_saved() {
    let sandbox = Sandbox::new();
    if !running_as_root() {
        return;
    }
    let (Some(registry), Some(podman)) = (TestRegistry::start(), sandbox.podman()) else {
        return;
    };
    let saved = saved(&sandbox, &registry, Dialect::Oci);
    let load = podman.args(["load", "--input"]).arg(&saved.archive);
    let text = load.run().success().text();
    assert!(text.contains(NAME), "{text}");
    let inspect = sandbox.podman().unwrap();
    let inspect = inspect.args(["image", "inspect", "--format", "{{.Id}}", NAME]);
    let id = inspect.run().success().text();
    assert_eq!(format!("sha256:{}", id.trim()), saved.image.id.to_string());
}

#[test]
fn skopeo_reads_what_was_saved_in_both_forms() {
    let sandbox = Sandbox::new();
    let (Some(registry), Some(_)) = (TestRegistry::start(), sandbox.skopeo()) else {
        return;
    };
    let saved = saved(&sandbox, &registry, Dialect::Oci);
    let archive = saved.archive.display();
    for (source, keeps_manifest) in [
        (format!("docker-archive:{archive}:{NAME}"), false),
        (format!("oci-archive:{archive}"), true),
    ] {
        let target = sandbox.work().join(format!("copy-{keeps_manifest}"));
        let skopeo = sandbox.skopeo().unwrap();
        let copy = skopeo.args(["copy", &source, &format!("oci:{}:1", target.display())]);
        copy.run().success();
        let blob = |hex: String| target.join("blobs/sha256").join(hex);
        let config = blob(saved.image.config.digest().hex());
        let manifest = blob(saved.image.manifest.digest().hex());
        assert_eq!(manifest.exists(), keeps_manifest, "{source}");
        // From Docker's form skopeo makes a manifest of its own, and with it a config in OCI's words.
        assert_eq!(config.exists(), keeps_manifest, "{source}");
    }
}

#[test]
fn privileged_umoci_unpacks_what_was_saved() {
    let sandbox = Sandbox::new();
    if !running_as_root() {
        return;
    }
    let (Some(registry), Some(umoci)) = (TestRegistry::start(), sandbox.umoci()) else {
        return;
    };
    let saved = saved(&sandbox, &registry, Dialect::Oci);
    let layout = sandbox.work().join("layout");
    std::fs::create_dir(&layout).unwrap();
    let extract = sandbox.program("tar").arg("-C").arg(&layout).arg("-xf");
    extract.arg(&saved.archive).run().success();
    let top = sandbox.work().join("unpacked");
    let names = umoci
        .args(["list", "--layout"])
        .arg(&layout)
        .run()
        .success();
    let name = names.text();
    let source = format!("{}:{}", layout.display(), name.trim());
    let umoci = sandbox.umoci().unwrap();
    let unpack = umoci.args(["raw", "unpack", "--image", &source]).arg(&top);
    unpack.run().success();
    assert!(list_tree(&top).len() > 35);
}
