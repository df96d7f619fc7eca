//! Backups of the real binary: made while it serves, restored into each kind of database, refused when they are damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use testkit::{PostgresServer, Sandbox, SharedStores, read, write};
use wharf_oci::Digest;

use crate::fixture::{RunningRegistry, config, noise, registry_command, serve};

/// A manifest of one layer, pushed under a tag.
fn push_image(registry: &RunningRegistry, tag: &str, layer: &[u8]) -> Digest {
    let config = registry.push_blob(b"{}");
    let digest = registry.push_blob(layer);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{digest}","size":{}}}]}}"#,
        layer.len()
    );
    let headers = [
        crate::fixture::ADMIN,
        ("Content-Type", "application/vnd.oci.image.manifest.v1+json"),
    ];
    let path = format!("/v2/library/app/manifests/{tag}");
    let pushed = testkit::http_request(
        &registry.address,
        "PUT",
        &path,
        &headers,
        manifest.as_bytes(),
    );
    assert_eq!(
        pushed.status,
        201,
        "{}",
        String::from_utf8_lossy(&pushed.body)
    );
    digest
}

/// `wharf registry backup` or `restore` with the folder of the backup.
fn run(sandbox: &Sandbox, config: &PathBuf, word: &str, folder: &Path) -> Output {
    let option = if word == "backup" { "--to" } else { "--from" };
    let words = [word, option, folder.to_str().unwrap()];
    registry_command(sandbox, &words, config).output().unwrap()
}

/// The folder of a blob.
fn fan_out(hex: &str) -> &str {
    hex.split_at(2).0
}

#[track_caller]
fn assert_done(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[track_caller]
fn assert_refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// Every row of a backup but the places of blobs, which each storage makes anew.
fn rows(backup: &Path) -> Vec<String> {
    let text = String::from_utf8(read(&backup.join("database.jsonl"))).unwrap();
    let mut in_blobs = false;
    text.lines()
        .map(|line| {
            if line.starts_with('{') {
                in_blobs = line.contains("\"blobs\"");
            }
            let mut values: serde_json::Value = serde_json::from_str(line).unwrap();
            if in_blobs && let Some(key) = values.get_mut(1) {
                *key = serde_json::Value::Null;
            }
            values.to_string()
        })
        .collect()
}

/// A registry with an image, and a backup that was made of it while it served.
struct BackedUp {
    sandbox: Sandbox,
    backup: PathBuf,
    layer: Vec<u8>,
}

impl BackedUp {
    fn new(text: &str) -> Self {
        let sandbox = Sandbox::new();
        let config = config(&sandbox, text);
        let registry = serve(&sandbox, &config);
        let layer = noise(300_000);
        push_image(&registry, "one", &layer);
        let backup = sandbox.path().join("backup");
        assert_done(&run(&sandbox, &config, "backup", &backup));
        // It is of one moment: this came later.
        push_image(&registry, "two", b"later");
        registry.stop();
        Self {
            sandbox,
            backup,
            layer,
        }
    }
}

/// Restores into a registry with this configuration and sees that all of it is there, and nothing else.
fn check_restored(of: &BackedUp, text: &str) -> Sandbox {
    let target = Sandbox::new();
    let config = config(&target, text);
    assert_done(&run(&target, &config, "restore", &of.backup));
    let registry = serve(&target, &config);
    let tags = registry.request("GET", "/v2/library/app/tags/list", b"");
    assert_eq!(tags.body, br#"{"name":"library/app","tags":["one"]}"#);
    let digest = Digest::of(&of.layer);
    let path = format!("/v2/library/app/blobs/{digest}");
    assert!(registry.request("GET", &path, b"").body == of.layer);
    let again = target.path().join("again");
    assert_done(&run(&target, &config, "backup", &again));
    assert_eq!(rows(&again), rows(&of.backup));
    // New numbers go on after the restored ones.
    push_image(&registry, "three", b"new");
    let project = registry.request("POST", "/api/v2.0/projects", br#"{"project_name":"fresh"}"#);
    assert_eq!(
        project.status,
        201,
        "{}",
        String::from_utf8_lossy(&project.body)
    );
    registry.stop();
    target
}

#[test]
fn what_is_backed_up_is_restored() {
    let of = BackedUp::new("");
    check_restored(&of, "");
}

#[test]
fn a_backup_of_sqlite_becomes_a_registry_on_postgresql_and_the_other_way() {
    let Some(server) = PostgresServer::shared() else {
        return;
    };
    let of = BackedUp::new("");
    let text = format!("[database]\nurl = \"{}\"\n", server.database());
    let target = check_restored(&of, &text);
    let back = BackedUp {
        backup: target.path().join("again"),
        sandbox: target,
        layer: of.layer,
    };
    check_restored(&back, "");
}

#[test]
fn a_backup_of_postgresql_and_s3_is_restored_into_both_kinds_of_stores() {
    let (Some(first), Some(second)) = (SharedStores::new(), SharedStores::new()) else {
        return;
    };
    let of = BackedUp::new(&first.settings());
    check_restored(&of, &second.settings());
    let target = check_restored(&of, "");
    // And back: what was made of a folder becomes a bucket.
    let Some(third) = SharedStores::new() else {
        return;
    };
    let back = BackedUp {
        backup: target.path().join("again"),
        sandbox: target,
        layer: of.layer,
    };
    check_restored(&back, &third.settings());
}

#[test]
fn a_bucket_that_is_in_use_is_not_restored_into() {
    let Some(stores) = SharedStores::new() else {
        return;
    };
    let of = BackedUp::new(&stores.settings());
    let empty = stores.postgres.database();
    let text = stores.settings().replace(&stores.database, &empty);
    let target = Sandbox::new();
    let config = config(&target, &text);
    let restored = run(&target, &config, "restore", &of.backup);
    assert_refused(&restored, &["not empty"]);
}

#[test]
fn the_own_authority_is_restored_as_well() {
    let of = BackedUp::new("");
    let authority = of.sandbox.path().join("data/tls");
    assert!(!authority.exists());
    let text = "[tls]\nmode = \"own-authority\"\n";
    let with_tls = config(&of.sandbox, text);
    serve(&of.sandbox, &with_tls).stop();
    let backup = of.sandbox.path().join("with-tls");
    assert_done(&run(&of.sandbox, &with_tls, "backup", &backup));
    let target = Sandbox::new();
    let restored = config(&target, text);
    assert_done(&run(&target, &restored, "restore", &backup));
    serve(&target, &restored).stop();
    for name in ["ca.crt", "ca.key", "server.crt"] {
        let here = read(&target.path().join("data/tls").join(name));
        assert_eq!(here, read(&authority.join(name)), "{name}");
    }
}

#[test]
fn a_backup_that_is_damaged_or_not_finished_is_refused() {
    let of = BackedUp::new("");
    let digest = Digest::of(&of.layer);
    let hex = digest.hex();
    let blob = of
        .backup
        .join("blobs/sha256")
        .join(fan_out(&hex))
        .join(&*hex);
    let restore = || {
        let target = Sandbox::new();
        let config = config(&target, "");
        run(&target, &config, "restore", &of.backup)
    };
    // A name of its own: the other one is the registry's.
    let mut content = read(&blob);
    content[1000] ^= 1;
    fs::remove_file(&blob).unwrap();
    write(&blob, &content);
    assert_refused(&restore(), &["did not match", &*hex]);
    fs::remove_file(&blob).unwrap();
    assert_refused(&restore(), &[&*hex, "No such file"]);
    let tables = of.backup.join("database.jsonl");
    let text = String::from_utf8(read(&tables)).unwrap();
    write(&tables, text.replace("admin", "mallo"));
    assert_refused(&restore(), &["database.jsonl", "another digest"]);
    let summary = of.backup.join("backup.json");
    let text = String::from_utf8(read(&summary)).unwrap();
    write(&summary, text.replace("backup 1", "backup 2"));
    assert_refused(&restore(), &["backup 2", "use a newer Wharf"]);
    fs::remove_file(&summary).unwrap();
    assert_refused(&restore(), &["no finished backup", "backup.json"]);
}

#[test]
fn neither_a_backup_nor_a_registry_is_overwritten() {
    let of = BackedUp::new("");
    let config = config(&of.sandbox, "");
    let again = run(&of.sandbox, &config, "backup", &of.backup);
    assert_refused(&again, &["backup", "is not empty"]);
    let restored = run(&of.sandbox, &config, "restore", &of.backup);
    assert_refused(&restored, &["registry.db", "not empty"]);
    let registry = serve(&of.sandbox, &config);
    let restored = run(&of.sandbox, &config, "restore", &of.backup);
    assert_refused(&restored, &["another registry is running"]);
    registry.stop();
}

#[test]
fn a_backup_without_all_blobs_fails_aloud() {
    let of = BackedUp::new("");
    let config = config(&of.sandbox, "");
    let digest = Digest::of(&of.layer);
    let hex = digest.hex();
    let folder = of
        .sandbox
        .path()
        .join("data/storage/blobs/sha256")
        .join(fan_out(&hex));
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let backup = of.sandbox.path().join("second");
    assert_refused(
        &run(&of.sandbox, &config, "backup", &backup),
        &[&*hex, "not in storage"],
    );
    assert!(!backup.join("backup.json").exists());
}
