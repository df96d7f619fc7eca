//! Every client with its own login, push and pull: what one pushes, the others pull, with the same digest.

use std::path::Path;

use tempfile::TempDir;
use testkit::{
    ADMINISTRATOR, ADMINISTRATOR_PASSWORD, BuiltImage, BuiltIndex, Dialect, DockerDaemon,
    ImageBuilder, IndexBuilder, LayerCompression, Output, ProgramCommand, Sandbox, TarBuilder,
    WharfRegistry, write_oci_layout,
};
use wharf_oci::{Digest, MediaType};

/// A registry, and a private project in it, for which everybody has to log in.
struct Harbour {
    registry: WharfRegistry,
    _data: TempDir,
    sandbox: Sandbox,
}

impl Harbour {
    fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let registry = WharfRegistry::start(Path::new(env!("CARGO_BIN_EXE_wharf")), data.path());
        let json = [("Content-Type", "application/json")];
        let made = br#"{"project_name":"team"}"#;
        let project = registry.request("POST", "/api/v2.0/projects", &json, made);
        assert_eq!(project.status, 201);
        Self {
            registry,
            _data: data,
            sandbox: Sandbox::new(),
        }
    }

    /// `127.0.0.1:PORT/team/REST`.
    fn name(&self, rest: &str) -> String {
        format!("{}/team/{rest}", self.registry.address())
    }

    /// Makes a public repository and says under which name to search for it: podman shows no password to a search that does
    /// not ask for one.
    fn public(&self, name: &str) -> String {
        let path = format!("/v2/library/{name}/manifests/1");
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        assert_eq!(self.registry.request("PUT", &path, &[], index).status, 201);
        format!("{}/{name}", self.registry.address())
    }

    /// The digest of what is served under a name of the project; `None` if it is not there.
    fn served(&self, repository: &str, reference: &str) -> Option<Digest> {
        let accepted = MediaType::ACCEPTED_MANIFESTS.join(", ");
        let path = format!("/v2/team/{repository}/manifests/{reference}");
        let answer = self
            .registry
            .request("GET", &path, &[("Accept", &accepted)], b"");
        (answer.status == 200).then(|| Digest::of(&answer.body))
    }

    /// Puts an index with two platforms, gzip and zstd layers, into the project without any of the clients.
    fn fill(&self, name: &str, tag: &str) -> BuiltIndex {
        let index = index();
        let layout = self.sandbox.work().join(format!("layout-{tag}"));
        write_oci_layout(&layout, &[(tag, &index.artifact())]);
        for blob in &index.artifact().blobs {
            let path = format!("/v2/team/{name}/blobs/uploads/?digest={}", blob.digest());
            assert_eq!(
                self.registry
                    .request("POST", &path, &[], &blob.bytes)
                    .status,
                201
            );
        }
        for manifest in &index.artifact().manifests {
            let digest = manifest.digest().to_string();
            let is_root = digest == index.index.digest().to_string();
            let reference = if is_root { tag } else { &digest };
            let media_type = [("Content-Type", manifest.descriptor.media_type.as_str())];
            let path = format!("/v2/team/{name}/manifests/{reference}");
            let pushed = self
                .registry
                .request("PUT", &path, &media_type, &manifest.bytes);
            assert_eq!(pushed.status, 201);
        }
        index
    }

    /// Logs in with a wrong password, which must fail, and with the right one. `command` runs the client's `login`.
    fn log_in(&self, command: impl Fn() -> ProgramCommand) {
        let with = |password: &str| -> Output {
            command()
                .args(["--username", ADMINISTRATOR, "--password-stdin"])
                .arg(self.registry.address())
                .input(password)
                .run()
        };
        let refused = with("wrong");
        assert_ne!(refused.code, 0, "{}", refused.text());
        assert!(
            refused.error_text().contains("password is not right")
                || refused.error_text().contains("unauthorized")
                || refused.error_text().contains("invalid username/password"),
            "{}",
            refused.error_text()
        );
        with(ADMINISTRATOR_PASSWORD).success();
    }
}

fn image(platform: &str, compression: LayerCompression) -> BuiltImage {
    let files = TarBuilder::new()
        .directory("etc")
        .file("etc/motd", format!("for {platform}\n"))
        .finish();
    let more = TarBuilder::new().file("data", "x".repeat(100_000)).finish();
    ImageBuilder::new()
        .dialect(Dialect::Oci)
        .platform(platform)
        .layer(files, "ADD files /")
        .compressed_layer(more, compression, "ADD more /")
        .build()
}

fn index() -> BuiltIndex {
    IndexBuilder::new(Dialect::Oci)
        .image(&image("linux/amd64", LayerCompression::Gzip))
        .image(&image("linux/arm64", LayerCompression::Zstd))
        .build()
}

#[test]
fn skopeo_copies_indexes_there_and_back() {
    let harbour = Harbour::open();
    let sandbox = &harbour.sandbox;
    if sandbox.skopeo().is_none() {
        return;
    }
    let skopeo = |word: &str| sandbox.skopeo().unwrap().arg(word);
    let target = format!("docker://{}", harbour.name("skopeo:1"));
    let without = skopeo("inspect")
        .args(["--tls-verify=false", &target])
        .run();
    assert_ne!(without.code, 0, "a private project is for members");
    harbour.log_in(|| skopeo("login").arg("--tls-verify=false"));

    let index = harbour.fill("skopeo", "1");
    let copied = format!("docker://{}", harbour.name("copied:2"));
    let back = format!("oci:{}:back", sandbox.work().join("back").display());
    let verify = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    let layout = format!("oci:{}:1", sandbox.work().join("layout-1").display());
    for (from, to) in [(&target, &copied), (&copied, &back), (&layout, &copied)] {
        let copy = skopeo("copy")
            .args(verify)
            .args(["--all", "--preserve-digests", from, to]);
        copy.run().success();
        assert_eq!(harbour.served("copied", "2"), Some(index.index.digest()));
    }
    let listed = skopeo("list-tags")
        .args(["--tls-verify=false", copied.trim_end_matches(":2")])
        .run()
        .success();
    assert!(listed.text().contains("\"2\""), "{}", listed.text());
    skopeo("delete")
        .args(["--tls-verify=false", &copied])
        .run()
        .success();
    assert_eq!(harbour.served("copied", "2"), None);
    skopeo("logout")
        .arg(harbour.registry.address())
        .run()
        .success();
}

#[test]
fn podman_and_buildah_pull_and_push() {
    let harbour = Harbour::open();
    let sandbox = &harbour.sandbox;
    let index = harbour.fill("app", "1");
    let source = harbour.name("app:1");
    let amd64 = index.images[0].manifest.digest();
    if sandbox.podman().is_some() {
        let podman = |word: &str| sandbox.podman().unwrap().arg(word);
        harbour.log_in(|| podman("login").arg("--tls-verify=false"));
        podman("pull")
            .args(["--tls-verify=false", "--platform=linux/amd64", &source])
            .run()
            .success();
        let found = podman("image")
            .args(["inspect", "--format={{.Digest}}", &source])
            .run()
            .success();
        let expected = [index.index.digest().to_string(), amd64.to_string()];
        assert!(
            expected.contains(&found.text().trim().to_owned()),
            "{}",
            found.text()
        );
        let target = harbour.name("podman:1");
        podman("push")
            .args(["--tls-verify=false", &source, &target])
            .run()
            .success();
        assert!(harbour.served("podman", "1").is_some());
        let search = podman("search")
            .args(["--tls-verify=false", &harbour.public("found")])
            .run()
            .success();
        assert!(search.text().contains("library/found"), "{}", search.text());
        podman("rmi").args(["--all", "--force"]).run().success();
        podman("pull")
            .args(["--tls-verify=false", &target])
            .run()
            .success();
    }
    if sandbox.buildah().is_some() {
        let buildah = |word: &str| sandbox.buildah().unwrap().arg(word);
        harbour.log_in(|| buildah("login").arg("--tls-verify=false"));
        buildah("pull")
            .args(["--tls-verify=false", &source])
            .run()
            .success();
        let target = format!("docker://{}", harbour.name("buildah:1"));
        buildah("push")
            .args(["--tls-verify=false", &source, &target])
            .run()
            .success();
        assert!(harbour.served("buildah", "1").is_some());
    }
}

#[test]
fn privileged_docker_pulls_pushes_and_searches() {
    let harbour = Harbour::open();
    let sandbox = &harbour.sandbox;
    let Some(daemon) = DockerDaemon::start() else {
        return;
    };
    let index = harbour.fill("app", "1");
    let docker = |words: &[&str]| daemon.docker(sandbox, words);
    let source = harbour.name("app:1");
    assert_ne!(
        docker(&["pull", &source]).run().code,
        0,
        "nobody is logged in"
    );
    harbour.log_in(|| docker(&["login"]));
    let pulled = docker(&["pull", "--platform=linux/amd64", &source])
        .run()
        .success();
    assert!(
        pulled
            .text()
            .contains(&format!("Digest: {}", index.index.digest())),
        "{}",
        pulled.text()
    );
    let target = harbour.name("docker:1");
    docker(&["tag", &source, &target]).run().success();
    let pushed = docker(&["push", &target]).run().success();
    let served = harbour.served("docker", "1").unwrap();
    assert!(
        pushed.text().contains(&format!("digest: {served}")),
        "{}",
        pushed.text()
    );
    docker(&["rmi", &source, &target]).run().success();
    let again = docker(&["pull", &target]).run().success();
    assert!(
        again.text().contains(&format!("Digest: {served}")),
        "{}",
        again.text()
    );
    let found = docker(&["search", &harbour.name("app")]).run().success();
    assert!(found.text().contains("team/app"), "{}", found.text());
    docker(&["logout", &harbour.registry.address()])
        .run()
        .success();
    assert_ne!(
        docker(&["pull", &target]).run().code,
        0,
        "nobody is logged in any more"
    );
}

#[test]
fn wharf_pulls_pushes_and_searches() {
    let harbour = Harbour::open();
    let sandbox = &harbour.sandbox;
    let index = harbour.fill("app", "1");
    let wharf = |words: &[&str]| sandbox.wharf(words);
    let source = harbour.name("app:1");
    assert_ne!(
        wharf(&["pull", &source]).run().code,
        0,
        "nobody is logged in"
    );
    harbour.log_in(|| wharf(&["login"]));
    let pulled = wharf(&["pull", "--platform=linux/amd64", &source])
        .run()
        .success();
    assert!(
        pulled
            .text()
            .contains(&format!("Digest: {}", index.index.digest())),
        "{}",
        pulled.text()
    );
    let target = harbour.name("wharf:1");
    wharf(&["tag", &source, &target]).run().success();
    wharf(&["push", &target]).run().success();
    let served = harbour.served("wharf", "1").unwrap();
    wharf(&["rmi", &source, &target]).run().success();
    let again = wharf(&["pull", &target]).run().success();
    assert!(
        again.text().contains(&format!("Digest: {served}")),
        "{}",
        again.text()
    );
    let found = wharf(&["search", &harbour.public("found")]).run().success();
    assert!(found.text().contains("library/found"), "{}", found.text());
    let private = ["search", &harbour.name("app")];
    let found = wharf(&private).run().success();
    assert!(found.text().contains("team/app"), "{}", found.text());
    wharf(&["logout", &harbour.registry.address()])
        .run()
        .success();
    assert_ne!(
        wharf(&["pull", &target]).run().code,
        0,
        "nobody is logged in any more"
    );
    let found = wharf(&private).run().success();
    assert!(!found.text().contains("team/app"), "{}", found.text());
}
