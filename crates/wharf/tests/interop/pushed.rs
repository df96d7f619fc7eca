//! Images whose manifests Wharf makes itself, of old archives and of plain trees: pushed, and pulled by the others.

use testkit::{
    Dialect, DockerDaemon, LayerCompression, Sandbox, TestRegistry, docker_archive,
    running_as_root, write,
};

use crate::fixture::{check_motd, rich_image, root_file_system, served, sparse_layer};

const MOTD: &str = "by wharf\n";

/// Two images in the registry, each as `:1`: `loaded` of an archive of old Docker, whose layers are plain and which has no
/// manifests, and `imported` of a tree. Gives their IDs.
fn push_both(sandbox: &Sandbox, registry: &TestRegistry) -> [(String, String); 2] {
    let name = |repository: &str| format!("{}/{repository}:1", registry.address());
    let sparse = sparse_layer(sandbox);
    let image = rich_image(Dialect::Docker, LayerCompression::Gzip, sparse).build();
    let archive = docker_archive(&[(&image, &[name("loaded").as_str()])]);
    let load = sandbox.wharf(["load", "--quiet"]).input(archive);
    load.run().success();
    let tree = sandbox.work().join("tree.tar");
    write(&tree, root_file_system(MOTD));
    let import = sandbox.wharf(["import", "--change", "CMD [\"/bin/tool\"]"]);
    let imported = import.arg(&tree).arg(name("imported")).run().success();
    for repository in ["loaded", "imported"] {
        sandbox.wharf(["push", &name(repository)]).run().success();
    }
    [
        (name("loaded"), image.id.to_string()),
        (name("imported"), imported.text().trim().to_owned()),
    ]
}

#[test]
fn privileged_dockerd_pulls_what_was_pushed() {
    let sandbox = Sandbox::new();
    let (Some(registry), Some(daemon)) = (TestRegistry::start(), DockerDaemon::start()) else {
        return;
    };
    for (name, id) in push_both(&sandbox, &registry) {
        daemon.docker(&sandbox, ["pull", &name]).run().success();
        let format = "{{.Id}} {{index .RepoDigests 0}}";
        let inspect = |program: testkit::ProgramCommand| program.run().success().text();
        let theirs =
            inspect(daemon.docker(&sandbox, ["image", "inspect", "--format", format, &name]));
        let ours = inspect(sandbox.wharf(["image", "inspect", "--format", format, &name]));
        assert_eq!(theirs, ours);
        assert!(theirs.starts_with(&id), "{theirs}");
    }
}

#[test]
fn privileged_podman_pulls_what_was_pushed() {
    let sandbox = Sandbox::new();
    if !running_as_root() {
        return;
    }
    let (Some(registry), Some(_)) = (TestRegistry::start(), sandbox.podman()) else {
        return;
    };
    for (name, id) in push_both(&sandbox, &registry) {
        let podman = || sandbox.podman().unwrap();
        let pull = podman().args(["pull", "--quiet", "--tls-verify=false", &name]);
        pull.run().success();
        let inspect = podman().args(["image", "inspect", "--format", "{{.Id}} {{.Digest}}", &name]);
        let text = inspect.run().success().text();
        let repository = name.rsplit('/').next().unwrap().trim_end_matches(":1");
        let (_, digest) = served(&registry, repository, "1");
        assert_eq!(format!("sha256:{}", text.trim()), format!("{id} {digest}"));
    }
}

#[test]
fn pushed_twice_is_pushed_the_same() {
    let sandbox = Sandbox::new();
    let Some(registry) = TestRegistry::start() else {
        return;
    };
    let [(loaded, _), (imported, _)] = push_both(&sandbox, &registry);
    let before = ["loaded", "imported"].map(|repository| served(&registry, repository, "1"));
    for name in [&loaded, &imported] {
        let push = sandbox.wharf(["push", name]).run().success();
        assert!(
            push.text().contains("Layer already exists"),
            "{}",
            push.text()
        );
    }
    let after = ["loaded", "imported"].map(|repository| served(&registry, repository, "1"));
    assert_eq!(before, after);
    // Another machine gets the same image.
    let other = Sandbox::new();
    other.wharf(["pull", "--quiet", &imported]).run().success();
    if running_as_root() {
        check_motd(&other, &imported, MOTD);
    }
}
