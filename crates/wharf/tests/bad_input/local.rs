//! What goes wrong on this machine: full and read-only disks, stores that are not ours, files of credentials that cannot be
//! read and helpers that fail.

use std::fs;
use std::path::PathBuf;

use testkit::{
    BuiltImage, ImageBuilder, LayerCompression, Output, Sandbox, ScriptedRegistry, ScriptedReply,
    TarBuilder, running_as_root, write,
};

use crate::fixture::{
    assert_nothing_visible, assert_pulls, assert_refused, assert_sound, good_image, name, noise,
    pull, sandbox,
};

/// A file system in memory at the sandbox's store, until this is dropped.
struct Disk<'a> {
    sandbox: &'a Sandbox,
}

impl<'a> Disk<'a> {
    fn mount(sandbox: &'a Sandbox, options: &str) -> Self {
        let mount = sandbox
            .program("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        mount.arg(sandbox.root()).run().success();
        Self { sandbox }
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mount = self.sandbox.program("mount").args(["-o", &options]);
        mount.arg(self.sandbox.root()).run().success();
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let output = self
            .sandbox
            .program("umount")
            .arg(self.sandbox.root())
            .run();
        assert!(
            output.code == 0 || std::thread::panicking(),
            "{}",
            output.error_text()
        );
    }
}

/// Needs more than 4 MiB, in two layers.
fn large_image() -> BuiltImage {
    let layer = |path: &str, length: usize| TarBuilder::new().file(path, noise(length)).finish();
    ImageBuilder::new()
        .compressed_layer(layer("one", 1 << 20), LayerCompression::Gzip, "ADD one /")
        .compressed_layer(layer("two", 1 << 20), LayerCompression::Zstd, "ADD two /")
        .build()
}

#[test]
fn privileged_a_full_disk() {
    if !running_as_root() {
        return;
    }
    let image = large_image();
    let registry = ScriptedRegistry::start(&image.artifact());
    // It fills up while the store is made, while blobs are written, while trees are.
    for kibibytes in [8, 64, 256, 512, 1_024, 1_536, 2_048, 3_072, 3_600, 4_096] {
        let what = format!("{kibibytes} KiB");
        let sandbox = sandbox();
        let disk = Disk::mount(&sandbox, &format!("size={kibibytes}k"));
        let output = pull(&sandbox, &name(&registry));
        let text = output.error_text().to_lowercase();
        assert!(text.contains("no space"), "{what}: {text}");
        assert_refused(&what, &output, &[]);
        disk.remount("size=32m");
        assert_nothing_visible(&what, &sandbox, &[&image]);
        assert_pulls(&what, &sandbox, &name(&registry), &image);
    }
}

#[test]
fn privileged_a_read_only_store_can_be_read() {
    if !running_as_root() {
        return;
    }
    let image = good_image();
    let registry = ScriptedRegistry::start(&image.artifact());
    let other = large_image();
    let other_registry = ScriptedRegistry::start(&other.artifact());
    let sandbox = sandbox();
    let disk = Disk::mount(&sandbox, "size=32m");
    assert_pulls(
        "while it can be written",
        &sandbox,
        &name(&registry),
        &image,
    );
    disk.remount("ro");
    let list = sandbox
        .wharf(["images", "--quiet", "--no-trunc"])
        .run()
        .success();
    assert_eq!(list.text().trim(), image.id.to_string());
    sandbox.wharf(["inspect", &name(&registry)]).run().success();
    sandbox.wharf(["history", &name(&registry)]).run().success();
    let root = sandbox.root().display().to_string();
    let words = [root.as_str(), "ead-only file system"];
    assert_refused("pull", &pull(&sandbox, &name(&other_registry)), &words);
    let changes: [&[&str]; 2] = [
        &["tag", &name(&registry), "other:1"],
        &["rmi", &name(&registry)],
    ];
    for words in changes {
        assert_refused(words[0], &sandbox.wharf(words).run(), &["ead-only"]);
    }
    disk.remount("rw");
    assert_sound("after it was read-only", &sandbox);
    sandbox.wharf(["rmi", &name(&registry)]).run().success();
    assert_pulls(
        "after it was read-only",
        &sandbox,
        &name(&other_registry),
        &other,
    );
}

#[test]
fn stores_that_are_not_ours() {
    let image = good_image();
    let registry = ScriptedRegistry::start(&image.artifact());
    let cases: [(&str, &str, &str, &[&str]); 4] = [
        ("a newer format", "store.json", r#"{"format": 99}"#, &["99"]),
        ("no JSON", "store.json", "hello", &["store.json"]),
        ("an empty file", "store.json", "", &["store.json"]),
        ("somebody's own files", "holiday.jpg", "jpeg", &["root"]),
    ];
    for (what, file, content, words) in cases {
        let sandbox = sandbox();
        write(&sandbox.root().join(file), content);
        let output = pull(&sandbox, &name(&registry));
        assert_refused(what, &output, words);
        // Whoever's files these are, they are as they were, and nothing was added.
        let mut names = crate::fixture::names(&sandbox.root());
        names.retain(|name| name != "lock");
        assert_eq!(names, [file], "{what}");
        fs::remove_file(sandbox.root().join(file)).unwrap();
        assert_pulls(what, &sandbox, &name(&registry), &image);
    }
    let sandbox = sandbox();
    fs::remove_dir(sandbox.root()).unwrap();
    write(&sandbox.root(), "a file");
    let root = sandbox.root().display().to_string();
    assert_refused("a file", &pull(&sandbox, &name(&registry)), &[&root]);
}

#[test]
fn what_a_dead_process_left_is_not_believed() {
    let image = good_image();
    let registry = ScriptedRegistry::start(&image.artifact());
    let layer = &image.layers[0];
    let folder = |digest: &wharf_oci::Digest| digest.to_string().replace(':', "-");
    let sandbox = sandbox();
    let download = sandbox
        .root()
        .join("ingest")
        .join(folder(&layer.blob.digest()));
    let tree = sandbox
        .root()
        .join(format!("layers/{}.partial", folder(layer.diff_id.digest())));
    // The store's own files first.
    assert_pulls("first", &sandbox, &name(&registry), &image);
    sandbox.wharf(["rmi", &name(&registry)]).run().success();
    fs::create_dir_all(&download).unwrap();
    fs::create_dir_all(tree.join("fs/etc")).unwrap();
    write(&download.join("data"), noise(100));
    write(&download.join("state"), "{\"format\":1,\"offset\":100}");
    write(&tree.join("state"), noise(50));
    write(&tree.join("fs/etc/motd"), "from a dead process");
    write(&tree.join("fs/left"), "from a dead process");
    assert_pulls("left over", &sandbox, &name(&registry), &image);
    assert!(!tree.exists() && !download.exists());
    let made = sandbox
        .root()
        .join("layers")
        .join(folder(layer.diff_id.digest()))
        .join("fs");
    assert!(!made.join("left").exists());
    assert!(
        fs::read_to_string(made.join("etc/motd"))
            .unwrap()
            .starts_with("hello")
    );
}

/// A registry that wants a password, and a sandbox whose `config.json` is `config`.
fn closed(config: &str) -> (ScriptedRegistry, Sandbox) {
    let registry = ScriptedRegistry::start(&good_image().artifact());
    registry.misbehave(
        |request, honest| match request.headers.get("authorization") {
            Some(_) => honest,
            None => ScriptedReply::new(401).header("www-authenticate", "Basic realm=\"r\""),
        },
    );
    let sandbox = sandbox();
    let config = config.replace("REGISTRY", &registry.address());
    write(&sandbox.docker_config().join("config.json"), config);
    (registry, sandbox)
}

/// Puts a credential helper called `name` in the sandbox's PATH.
fn helper(sandbox: &Sandbox, name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = sandbox.path().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join(format!("docker-credential-{name}"));
    write(&program, format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn pull_with_path(
    sandbox: &Sandbox,
    registry: &ScriptedRegistry,
    folder: &std::path::Path,
) -> Output {
    let path = format!("{}:/usr/bin:/bin", folder.display());
    sandbox
        .wharf(["pull", &name(registry)])
        .env("PATH", path)
        .run()
}

#[test]
fn files_of_credentials_that_cannot_be_read() {
    for (what, config, words) in [
        ("no JSON", "{\"auths\":", &["config.json"][..]),
        ("a list", "[]", &["config.json"]),
        (
            "no base64",
            r#"{"auths":{"REGISTRY":{"auth":"!!"}}}"#,
            &["config.json", "127.0.0.1"],
        ),
    ] {
        let (registry, sandbox) = closed(config);
        let output = pull(&sandbox, &name(&registry));
        assert_refused(what, &output, words);
        assert_nothing_visible(what, &sandbox, &[]);
        write(
            &sandbox.docker_config().join("config.json"),
            // emon:pw
            format!(
                r#"{{"auths":{{"{}":{{"auth":"ZW1vbjpwdw=="}}}}}}"#,
                registry.address()
            ),
        );
        assert_pulls(what, &sandbox, &name(&registry), &good_image());
    }
    let (registry, sandbox) = closed("");
    fs::remove_file(sandbox.docker_config().join("config.json")).unwrap();
    fs::create_dir(sandbox.docker_config().join("config.json")).unwrap();
    let output = pull(&sandbox, &name(&registry));
    assert_refused("a folder", &output, &["config.json", "directory"]);
}

#[test]
fn credential_helpers_that_fail() {
    let config = r#"{"credHelpers":{"REGISTRY":"vault"}}"#;
    let (registry, sandbox) = closed(config);
    let output = pull(&sandbox, &name(&registry));
    assert_refused("none", &output, &["docker-credential-vault", "not found"]);
    for (what, script, words) in [
        (
            "it fails",
            "echo 'the vault is locked'; exit 3",
            &["docker-credential-vault", "the vault is locked"][..],
        ),
        ("it says nothing", "exit 0", &["docker-credential-vault"]),
        ("no JSON", "echo hello", &["docker-credential-vault"]),
        (
            "it never stops talking",
            "cat /dev/zero",
            &["docker-credential-vault"],
        ),
    ] {
        let folder = helper(&sandbox, "vault", script);
        let output = pull_with_path(&sandbox, &registry, &folder);
        assert_refused(what, &output, words);
        assert_nothing_visible(what, &sandbox, &[]);
    }
    let script =
        r#"read address; printf '{"ServerURL":"%s","Username":"emon","Secret":"pw"}' "$address""#;
    let folder = helper(&sandbox, "vault", script);
    let output = pull_with_path(&sandbox, &registry, &folder).success();
    assert!(
        output.text().contains("Downloaded newer image"),
        "{}",
        output.text()
    );
    assert_sound("a helper that works", &sandbox);
}
