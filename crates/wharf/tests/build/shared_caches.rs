//! Caches that travel: to machines that have never built anything.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::{read, write};

use crate::fixture::Project;

const DOCKERFILE: &str = "FROM scratch AS tools\nCOPY tool /t/\nWORKDIR /made\n\
    FROM scratch\nCOPY --from=tools /t /tools\nCOPY file /\nLABEL a=b\n";

/// A machine of its own with the same context.
fn machine() -> Project {
    let project = Project::new(DOCKERFILE);
    project.file("tool", "T").file("file", "F");
    project
}

fn cached(project: &Project, flags: &[&str]) -> (usize, String) {
    let text = project.run(flags).success().error_text();
    (text.matches(" CACHED").count(), text)
}

/// Builds with a cache written to a folder; where it is, and the image.
fn exported(project: &Project, mode: &str) -> (PathBuf, String) {
    let to = format!("--cache-to=type=local,dest=cache,mode={mode}");
    let image = project.build(&[&to]);
    (project.sandbox.work().join("cache"), image)
}

#[test]
fn folders_and_registries_hold_caches() {
    let first = machine();
    let registry = testkit::TestRegistry::start();
    let name = registry
        .as_ref()
        .map(|registry| format!("{}/cache/of:this", registry.address()));
    for (mode, expected) in [("max", 4), ("min", 2)] {
        let (folder, image) = exported(&first, mode);
        let mut sources = vec![format!("--cache-from=type=local,src={}", folder.display())];
        if let Some(name) = &name {
            first
                .run(&[&format!("--cache-to=type=registry,ref={name},mode={mode}")])
                .success();
            sources.push(format!("--cache-from={name}"));
        }
        for source in sources {
            let second = machine();
            let (hits, text) = cached(&second, &[&source, "-t", "x"]);
            assert_eq!(hits, expected, "{source} {mode}: {text}");
            assert!(!text.contains("not used"), "{text}");
            assert_eq!(second.inspect("x")["Id"], image);
            // what came is this machine's own from now on
            assert_eq!(cached(&second, &[]).0, 4);
            second.sandbox.wharf(["system", "check"]).run().success();
        }
    }
    // the same cache has the same bytes
    let (one, other) = (machine(), machine());
    let index = |project: &Project| {
        let (folder, _) = exported(project, "max");
        read(&folder.join("index.json"))
    };
    assert_eq!(index(&one), index(&other));
}

#[test]
fn images_hold_their_own_cache() {
    let Some(registry) = testkit::TestRegistry::start() else {
        return;
    };
    let name = format!("{}/app:v1", registry.address());
    let first = machine();
    let plain = first.build(&[]);
    let flags = ["--cache-to=type=inline", "--push", "-t", &name];
    first.run(&flags).success();
    // the image itself is the same
    assert_eq!(first.inspect(&name)["Id"], plain);
    let second = machine();
    let (hits, text) = cached(
        &second,
        &[&format!("--cache-from=type=registry,ref={name}")],
    );
    assert_eq!(hits, 2, "{text}");
    let other = format!("{}/app:none", registry.address());
    let (hits, text) = cached(&machine(), &["--cache-from", &other]);
    assert_eq!(hits, 0);
    assert!(
        text.contains(&format!("the cache {other} is not used: ")),
        "{text}"
    );
}

/// Rewrites the records of a cache in a folder.
fn rewrite(folder: &Path, change: impl Fn(&mut Value)) {
    let path = |digest: &Value| {
        let digest = digest.as_str().unwrap();
        folder.join("blobs").join(digest.replace(':', "/"))
    };
    let put = |document: &Value| {
        let bytes = document.to_string().into_bytes();
        let digest = wharf_oci::Digest::of(&bytes).to_string();
        write(&path(&Value::from(digest.clone())), &bytes);
        (digest, bytes.len())
    };
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let mut index = json(read(&folder.join("index.json")));
    let mut manifest = json(read(&path(&index["manifests"][0]["digest"])));
    let mut records = json(read(&path(&manifest["config"]["digest"])));
    change(&mut records);
    let (digest, size) = put(&records);
    manifest["config"]["digest"] = digest.into();
    manifest["config"]["size"] = size.into();
    let (digest, size) = put(&manifest);
    index["manifests"][0]["digest"] = digest.into();
    index["manifests"][0]["size"] = size.into();
    write(&folder.join("index.json"), index.to_string());
}

#[test]
fn broken_and_lying_caches_are_misses() {
    type Change = fn(&Path);
    let changes: [(&str, Change, &str); 6] = [
        ("no layers", |folder| remove_layers(folder), "No such file"),
        (
            "damaged layers",
            |folder| damage_layers(folder),
            "its layer should be sha256:",
        ),
        (
            "another content",
            |folder| {
                rewrite(folder, |records| {
                    let list = records["records"].as_array_mut().unwrap();
                    let layers: Vec<Value> = list.iter().map(|one| one["blob"].clone()).collect();
                    let count = layers.len();
                    for (index, record) in list.iter_mut().enumerate() {
                        record["blob"] = layers[(index + 1) % count].clone();
                    }
                });
            },
            "its content should be sha256:",
        ),
        (
            "another length",
            |folder| {
                rewrite(folder, |records| {
                    records["records"][0]["blob"]["size"] = 1.into();
                });
            },
            "its layer should be sha256:",
        ),
        (
            "another version",
            |folder| rewrite(folder, |records| records["version"] = 9.into()),
            "the cache has version 9",
        ),
        (
            "no records",
            |folder| write(&folder.join("index.json"), "{"),
            "index.json: ",
        ),
    ];
    let first = machine();
    let mut image = String::new();
    for (what, change, expected) in changes {
        let folder = first.sandbox.work().join("cache");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        (_, image) = exported(&first, "max");
        change(&folder);
        let second = machine();
        let source = format!("--cache-from=type=local,src={}", folder.display());
        let text = second.run(&[&source, "-t", "x"]).success().error_text();
        assert!(text.contains(expected), "{what}: {text}");
        assert!(text.contains("warning"), "{what}: {text}");
        assert_eq!(second.inspect("x")["Id"], image, "{what}");
        second.sandbox.wharf(["system", "check"]).run().success();
    }
    assert!(image.starts_with("sha256:"));
    for (flag, expected) in [
        ("--cache-to=type=gha", "type=gha is not supported"),
        (
            "--cache-to=type=inline,mode=max",
            "mode=max is not supported for the inline cache",
        ),
        ("--cache-to=type=local", "type=local needs dest="),
        (
            "--cache-to=type=local,dest=x,mode=all",
            "unknown mode \"all\"",
        ),
        (
            "--cache-from=type=local,src=x,colour=red",
            "unknown field \"colour\"",
        ),
        ("--cache-from=A B", "invalid ref \"A B\""),
    ] {
        let text = first.run(&[flag]).exits_with(1).error_text();
        assert!(text.contains(expected), "{flag}: {text}");
    }
    let nowhere = "--cache-to=type=registry,ref=127.0.0.1:1/cache";
    first.run(&[nowhere]).exits_with(1);
    let text = first
        .run(&[&format!("{nowhere},ignore-error=true")])
        .success()
        .error_text();
    assert!(text.contains("the cache is not exported"), "{text}");
}

/// The files of a layout that are no documents.
fn layers(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("blobs/sha256")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| read(path).starts_with(b"\x1f\x8b"))
        .collect()
}

fn remove_layers(folder: &Path) {
    for layer in layers(folder) {
        std::fs::remove_file(layer).unwrap();
    }
}

fn damage_layers(folder: &Path) {
    for layer in layers(folder) {
        let mut bytes = read(&layer);
        *bytes.last_mut().unwrap() ^= 1;
        write(&layer, bytes);
    }
}
