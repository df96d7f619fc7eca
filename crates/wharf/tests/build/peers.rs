//! The same Dockerfiles through other builders: the same trees.

use testkit::{DockerDaemon, Peer, Sandbox, running_as_root, write};

use crate::fixture::{Project, listed};

/// Dockerfiles whose trees every builder makes alike.
const FILES: [&str; 10] = [
    "FROM scratch\nCOPY a /\n",
    "FROM scratch\nCOPY . /all/\n",
    "FROM scratch\nCOPY d /\nCOPY a /e/\n",
    "FROM scratch\nCOPY --chown=5:6 d /x\n",
    "FROM scratch\nCOPY a d/b /x/\n",
    "FROM scratch\nCOPY d/* /y/\n",
    "FROM scratch AS one\nCOPY --chown=7 d /d\nFROM scratch\nCOPY --from=one /d/e /e\nCOPY --from=one /d/b /\n",
    "FROM scratch\nADD a.tar.gz /unpacked/\n",
    "FROM scratch\nARG v=1\nENV w=$v\nCOPY a /$v/${w:-x}/${none:-y}\n",
    "FROM scratch AS one\nCOPY a /a\nFROM one\nCOPY d/b /a\nCOPY l /l\n",
];

fn project() -> Project {
    let project = Project::new("");
    project
        .file("a", "A")
        .file("d/b", "B")
        .file("d/e/c", "C")
        .file("ignored", "I");
    project
        .link("l", "a")
        .link("d/up", "../a")
        .mode("a", 0o640)
        .mode("d/e", 0o711);
    project.file(".dockerignore", "Dockerfile\n.dockerignore\nignored\n");
    let archive = testkit::TarBuilder::new()
        .directory("t/")
        .file("t/f", "F")
        .symlink("t/l", "f")
        .finish();
    let plain = project.sandbox.work().join("a.tar");
    write(&plain, archive);
    project.sandbox.program("gzip").arg(&plain).run().success();
    std::fs::rename(
        project.sandbox.work().join("a.tar.gz"),
        project.context().join("a.tar.gz"),
    )
    .unwrap();
    project
}

/// Without what `docker export` and the like add, and without modes of directories that nobody spoke of.
fn comparable(mut lines: Vec<String>) -> Vec<String> {
    const ADDED: [&str; 4] = ["dev", "proc", "sys", "etc"];
    lines.retain(|line| {
        let path = line.split(' ').nth(2).unwrap();
        let first = path.trim_end_matches(':').split('/').next().unwrap();
        !ADDED.contains(&first) && first != ".dockerenv" && !path.is_empty()
    });
    lines.sort();
    lines
}

#[test]
fn privileged_docker_builds_the_same_trees() {
    if !running_as_root() {
        return;
    }
    let Some(daemon) = DockerDaemon::start() else {
        return;
    };
    let project = project();
    for file in FILES {
        project.file("Dockerfile", file);
        let context = project.context();
        daemon
            .docker(&project.sandbox, ["build", "-t", "peer"])
            .arg(&context)
            .env("DOCKER_BUILDKIT", "0")
            .run()
            .success();
        let docker =
            |arguments: &[&str]| daemon.docker(&project.sandbox, arguments).run().success();
        docker(&["create", "--name", "peer", "peer", "/none"]);
        let theirs = comparable(listed(&docker(&["export", "peer"]).stdout));
        docker(&["rm", "peer"]);
        assert_eq!(comparable(project.files(&[])), theirs, "{file}");
    }
}

#[test]
fn privileged_buildah_builds_the_same_trees() {
    if !running_as_root() || Peer::Buildah.installed().is_none() {
        return;
    }
    let project = project();
    // it wants to see whose credentials it has not
    write(&project.sandbox.docker_config().join("config.json"), "{}");
    let buildah = |sandbox: &Sandbox, arguments: &[&str]| {
        let root = sandbox.path().join("buildah");
        sandbox
            .program("buildah")
            .args(["--storage-driver=vfs", "--root"])
            .arg(&root)
            .arg("--runroot")
            .arg(sandbox.path().join("buildah-run"))
            .args(arguments)
            .run()
            .success()
            .text()
    };
    for file in FILES {
        project.file("Dockerfile", file);
        let sandbox = &project.sandbox;
        buildah(
            sandbox,
            &["build", "--isolation=chroot", "-t", "peer", "context"],
        );
        let container = buildah(sandbox, &["from", "--pull-never", "localhost/peer"]);
        let mounted = buildah(sandbox, &["mount", container.trim()]);
        let tar = sandbox
            .program("tar")
            .args([
                "--numeric-owner",
                "--sort=name",
                "-C",
                mounted.trim(),
                "-cf",
                "-",
                ".",
            ])
            .run()
            .success();
        let theirs: Vec<String> = listed(&tar.stdout)
            .into_iter()
            .map(|line| line.replacen(" ./", " ", 1))
            .collect();
        assert_eq!(comparable(project.files(&[])), comparable(theirs), "{file}");
        buildah(sandbox, &["rm", container.trim()]);
    }
}
