//! Images that each of the other tools made, taken by Wharf from a registry and from archives, and passed on unchanged.

use std::path::PathBuf;

use testkit::{
    Dialect, DockerDaemon, ImageBuilder, LayerCompression, ProgramCommand, Sandbox, TestRegistry,
    write, write_oci_layout,
};
use wharf_oci::Digest;

use crate::fixture::{check_motd, root_file_system, served};

/// Takes what is in the registry as `made:1` with the file `etc/motd` of `motd`: pulled, mounted, pushed to another
/// repository, saved, loaded into another store and pushed from there, it stays the same manifest, byte by byte.
fn check_pushed(sandbox: &Sandbox, registry: &TestRegistry, motd: &str) {
    let (manifest, digest) = served(registry, "made", "1");
    let name = |repository: &str| format!("{}/{repository}:1", registry.address());
    let pull = sandbox.wharf(["pull", &name("made")]).run().success();
    let line = format!("Digest: {digest}\n");
    assert!(pull.text().contains(&line), "{}", pull.text());
    check_motd(sandbox, &name("made"), motd);

    push_as(sandbox, &name("made"), &name("pushed"));
    assert_eq!(served(registry, "pushed", "1"), (manifest.clone(), digest));

    let archive = sandbox.work().join("saved.tar");
    let save = sandbox
        .wharf(["save", &name("made"), "--output"])
        .arg(&archive);
    save.run().success();
    let other = Sandbox::new();
    other
        .wharf(["load", "--input"])
        .arg(&archive)
        .run()
        .success();
    check_motd(&other, &name("made"), motd);
    push_as(&other, &name("made"), &name("loaded"));
    assert_eq!(served(registry, "loaded", "1"), (manifest, digest));
}

fn push_as(sandbox: &Sandbox, name: &str, new_name: &str) {
    sandbox.wharf(["tag", name, new_name]).run().success();
    sandbox.wharf(["push", "--quiet", new_name]).run().success();
}

/// Takes an archive or layout that holds one image, and gives its ID.
fn check_archive(archive: &PathBuf, motd: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox
        .wharf(["load", "--input"])
        .arg(archive)
        .run()
        .success();
    let list = ["images", "--all", "--quiet", "--no-trunc"];
    let ids = sandbox.wharf(list).run().success().text();
    let id = ids.trim();
    assert_eq!(id.lines().count(), 1, "{}: {ids}", archive.display());
    check_motd(&sandbox, id, motd);
    id.to_owned()
}

/// Gives the program of a peer with `arguments`.
fn with(program: ProgramCommand, arguments: &[&str]) -> ProgramCommand {
    program.args(arguments)
}

#[test]
fn privileged_images_of_dockerd() {
    let sandbox = Sandbox::new();
    let (Some(registry), Some(daemon)) = (TestRegistry::start(), DockerDaemon::start()) else {
        return;
    };
    let context = sandbox.work().join("context");
    std::fs::create_dir(&context).unwrap();
    write(&context.join("root.tar"), root_file_system("by dockerd\n"));
    write(
        &context.join("Dockerfile"),
        "FROM scratch\nADD root.tar /\nCOPY root.tar /srv/\nENV A=b\nLABEL maker=dockerd\nCMD [\"/bin/tool\"]\n",
    );
    let name = format!("{}/made:1", registry.address());
    let build = daemon.docker(&sandbox, ["build", "--quiet", "--tag", &name]);
    build
        .arg(&context)
        .env("DOCKER_BUILDKIT", "0")
        .run()
        .success();
    daemon
        .docker(&sandbox, ["push", "--quiet", &name])
        .run()
        .success();
    check_pushed(&sandbox, &registry, "by dockerd\n");

    let archive = sandbox.work().join("docker.tar");
    let save = daemon.docker(&sandbox, ["save", &name, "--output"]);
    save.arg(&archive).run().success();
    let inspect = daemon.docker(&sandbox, ["image", "inspect", "--format", "{{.Id}}", &name]);
    let id = inspect.run().success().text();
    assert_eq!(check_archive(&archive, "by dockerd\n"), id.trim());
}

#[test]
fn privileged_images_of_buildah() {
    let sandbox = Sandbox::new();
    if !testkit::running_as_root() {
        return;
    }
    let (Some(registry), Some(buildah)) = (TestRegistry::start(), sandbox.buildah()) else {
        return;
    };
    let tree = sandbox.work().join("tree");
    std::fs::create_dir_all(tree.join("etc")).unwrap();
    write(&tree.join("etc/motd"), "by buildah\n");
    with(buildah, &["from", "--name", "working", "scratch"])
        .run()
        .success();
    let run = |arguments: &[&str]| {
        let buildah = sandbox.buildah().unwrap();
        with(buildah, arguments).run().success().text()
    };
    run(&["copy", "working", &tree.display().to_string(), "/"]);
    run(&[
        "config",
        "--label",
        "maker=buildah",
        "--cmd",
        "/bin/tool",
        "working",
    ]);
    let id = run(&["commit", "--quiet", "working", "made:1"]);
    run(&[
        "push",
        "--tls-verify=false",
        "made:1",
        &format!("docker://{}/made:1", registry.address()),
    ]);
    check_pushed(&sandbox, &registry, "by buildah\n");
    for form in ["oci-archive", "docker-archive"] {
        let archive = sandbox.work().join(format!("{form}.tar"));
        let target = format!("{form}:{}:localhost/made:1", archive.display());
        run(&["push", "made:1", &target]);
        let loaded = check_archive(&archive, "by buildah\n");
        // Docker's form has Docker's config, which is another document.
        if form == "oci-archive" {
            assert_eq!(loaded, format!("sha256:{}", id.trim()));
        }
    }
}

#[test]
fn privileged_images_of_podman() {
    let sandbox = Sandbox::new();
    if !testkit::running_as_root() {
        return;
    }
    let (Some(registry), Some(podman)) = (TestRegistry::start(), sandbox.podman()) else {
        return;
    };
    let file_system = sandbox.work().join("root.tar");
    write(&file_system, root_file_system("by podman\n"));
    let import = podman.args(["import", "--quiet", "--change", "CMD=/bin/tool"]);
    import
        .arg(&file_system)
        .arg("localhost/made:1")
        .run()
        .success();
    let run = |arguments: &[&str]| {
        let podman = sandbox.podman().unwrap();
        with(podman, arguments).run().success().text()
    };
    let target = format!("{}/made:1", registry.address());
    run(&[
        "push",
        "--quiet",
        "--tls-verify=false",
        "localhost/made:1",
        &target,
    ]);
    check_pushed(&sandbox, &registry, "by podman\n");
    for form in ["oci-archive", "docker-archive"] {
        let archive = sandbox.work().join(format!("{form}.tar"));
        let output = archive.display().to_string();
        run(&[
            "save",
            "--quiet",
            "--format",
            form,
            "--output",
            &output,
            "localhost/made:1",
        ]);
        check_archive(&archive, "by podman\n");
    }
}

#[test]
fn images_of_skopeo_in_every_form() {
    for (format, compression) in [("v2s2", "gzip"), ("oci", "gzip"), ("oci", "zstd")] {
        let sandbox = Sandbox::new();
        let (Some(registry), Some(_)) = (TestRegistry::start(), sandbox.skopeo()) else {
            return;
        };
        let copy = |arguments: &[&str]| {
            let skopeo = sandbox.skopeo().unwrap().args(["copy", "--format", format]);
            with(skopeo, arguments).run().success()
        };
        let image = ImageBuilder::new()
            .dialect(Dialect::Oci)
            .compressed_layer(
                root_file_system("by skopeo\n"),
                LayerCompression::None,
                "ADD root.tar /",
            )
            .build();
        let layout = sandbox.work().join("layout");
        write_oci_layout(&layout, &[("1", &image.artifact())]);
        let source = format!("oci:{}:1", layout.display());
        let target = format!("docker://{}/made:1", registry.address());
        let compressed = [
            "--dest-tls-verify=false",
            "--dest-compress",
            "--dest-compress-format",
            compression,
        ];
        copy(&[&compressed[..], &[&source, &target]].concat());
        let (manifest, _) = served(&registry, "made", "1");
        let manifest = String::from_utf8_lossy(&manifest);
        assert!(manifest.contains(compression), "{manifest}");
        check_pushed(&sandbox, &registry, "by skopeo\n");
        let archives = match format {
            "oci" => "oci-archive",
            _ => "docker-archive",
        };
        let archive = sandbox.work().join("copied.tar");
        copy(&[
            &source,
            &format!("{archives}:{}:localhost/made:1", archive.display()),
        ]);
        check_archive(&archive, "by skopeo\n");
    }
}

#[test]
fn privileged_images_of_umoci() {
    let sandbox = Sandbox::new();
    if !testkit::running_as_root() || sandbox.umoci().is_none() {
        return;
    }
    let layout = sandbox.work().join("layout");
    let image = format!("{}:1", layout.display());
    let motd = sandbox.work().join("motd");
    write(&motd, "by umoci\n");
    let run = |arguments: &[&str]| {
        let umoci = sandbox.umoci().unwrap();
        with(umoci, arguments).run().success()
    };
    run(&["init", "--layout", &layout.display().to_string()]);
    run(&["new", "--image", &image]);
    run(&[
        "insert",
        "--image",
        &image,
        &motd.display().to_string(),
        "/etc/motd",
    ]);
    run(&["config", "--image", &image, "--config.label", "maker=umoci"]);
    let folder_id = check_archive(&layout, "by umoci\n");
    let archive = sandbox.work().join("layout.tar");
    let tar = sandbox
        .program("tar")
        .arg("-C")
        .arg(&layout)
        .arg("-cf")
        .arg(&archive);
    tar.arg(".").run().success();
    assert_eq!(check_archive(&archive, "by umoci\n"), folder_id);

    let (Some(registry), Some(skopeo)) = (TestRegistry::start(), sandbox.skopeo()) else {
        return;
    };
    let target = format!("docker://{}/made:1", registry.address());
    let source = format!("oci:{image}");
    with(
        skopeo,
        &["copy", "--dest-tls-verify=false", &source, &target],
    )
    .run()
    .success();
    let (_, digest): (_, Digest) = served(&registry, "made", "1");
    let index = testkit::read(&layout.join("index.json"));
    assert!(String::from_utf8_lossy(&index).contains(&digest.to_string()));
    check_pushed(&sandbox, &registry, "by umoci\n");
}
