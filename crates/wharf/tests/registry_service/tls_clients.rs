//! Every client pushes and pulls over TLS, when it is given the registry's own authority, and not before.

use std::fs;

use testkit::{
    BuiltImage, Dialect, ImageBuilder, LayerCompression, Output, ProgramCommand, Sandbox,
    TarBuilder, write_oci_layout,
};

use crate::fixture::{PASSWORD, RunningRegistry, config, serve};

/// A registry that speaks TLS, and a folder with its authority's certificate, as `--cert-dir` wants it.
struct Harbour {
    registry: RunningRegistry,
    certificates: String,
}

impl Harbour {
    fn open(sandbox: &Sandbox) -> Self {
        let config = config(sandbox, "[tls]\nmode = \"own-authority\"\n");
        let registry = serve(sandbox, &config);
        let folder = sandbox.path().join("certificates");
        fs::create_dir(&folder).unwrap();
        let authority = sandbox.path().join("data/tls/ca.crt");
        fs::copy(authority, folder.join("ca.crt")).unwrap();
        Self {
            registry,
            certificates: folder.display().to_string(),
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/library/{rest}", self.registry.address)
    }

    /// Signs in without the authority's certificate, which must fail, and with it. `command` runs the client's `login`.
    fn log_in(&self, command: impl Fn() -> ProgramCommand) {
        let with = |options: &[&str]| -> Output {
            command()
                .args(["--username", "admin", "--password-stdin"])
                .args(options)
                .arg(&self.registry.address)
                .input(PASSWORD)
                .run()
        };
        let refused = with(&[]);
        assert_ne!(refused.code, 0, "{}", refused.text());
        assert!(
            refused.error_text().contains("unknown authority"),
            "{}",
            refused.error_text()
        );
        with(&["--cert-dir", &self.certificates]).success();
    }
}

fn image() -> BuiltImage {
    let files = TarBuilder::new()
        .directory("etc")
        .file("etc/motd", "over TLS\n")
        .finish();
    let more = TarBuilder::new().file("data", "x".repeat(100_000)).finish();
    ImageBuilder::new()
        .dialect(Dialect::Oci)
        .layer(files, "ADD files /")
        .compressed_layer(more, LayerCompression::Gzip, "ADD more /")
        .build()
}

#[test]
fn skopeo_podman_and_buildah_trust_the_own_authority() {
    let sandbox = Sandbox::new();
    if sandbox.skopeo().is_none() {
        return;
    }
    let harbour = Harbour::open(&sandbox);
    let certificates = harbour.certificates.as_str();
    let skopeo = |word: &str| sandbox.skopeo().unwrap().arg(word);
    harbour.log_in(|| skopeo("login"));
    let image = image();
    let layout = sandbox.work().join("layout");
    write_oci_layout(&layout, &[("1", &image.artifact())]);
    let from = format!("oci:{}:1", layout.display());
    let source = harbour.name("skopeo:1");
    let at = |name: &str| format!("docker://{name}");
    skopeo("copy")
        .args(["--preserve-digests", "--dest-cert-dir", certificates])
        .args([&from, &at(&source)])
        .run()
        .success();
    let digest_of = |name: &str| {
        let found = skopeo("inspect")
            .args(["--cert-dir", certificates, "--format={{.Digest}}"])
            .arg(at(name))
            .run()
            .success();
        found.text().trim().to_owned()
    };
    assert_eq!(digest_of(&source), image.manifest.digest().to_string());

    if sandbox.podman().is_some() {
        let podman = |word: &str| sandbox.podman().unwrap().arg(word);
        harbour.log_in(|| podman("login"));
        there_and_back(&podman, certificates, &source, &harbour.name("podman:1"));
        assert!(digest_of(&harbour.name("podman:1")).starts_with("sha256:"));
    }
    if sandbox.buildah().is_some() {
        let buildah = |word: &str| sandbox.buildah().unwrap().arg(word);
        harbour.log_in(|| buildah("login"));
        there_and_back(&buildah, certificates, &source, &harbour.name("buildah:1"));
        assert!(digest_of(&harbour.name("buildah:1")).starts_with("sha256:"));
    }
}

/// Pulls one name, pushes it as another, and pulls that.
fn there_and_back(
    client: &impl Fn(&str) -> ProgramCommand,
    certificates: &str,
    source: &str,
    target: &str,
) {
    let trusting = ["--cert-dir", certificates];
    client("pull").args(trusting).arg(source).run().success();
    client("push")
        .args(trusting)
        .args([source, target])
        .run()
        .success();
    client("rmi").args(["--all", "--force"]).run().success();
    client("pull").args(trusting).arg(target).run().success();
}
