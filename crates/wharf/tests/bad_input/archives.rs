//! Archives that are damaged, incomplete or traps, and places where none can be written.

use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};
use testkit::{
    BuiltImage, Sandbox, TarBuilder, docker_archive, oci_archive, running_as_root, write,
    write_oci_layout,
};

use crate::fixture::{
    assert_nothing_visible, assert_refused, assert_sound, good_image, names, noise, sandbox,
};

/// An archive, and what the person is told about it.
struct Case {
    what: String,
    archive: Vec<u8>,
    says: &'static [&'static str],
}

fn case(what: &str, archive: Vec<u8>, says: &'static [&'static str]) -> Case {
    Case {
        what: what.to_owned(),
        archive,
        says,
    }
}

/// Loads each from a file and from a pipe, side by side, and a good one after it.
fn check(cases: &[Case]) {
    let good = good_image();
    thread::scope(|scope| {
        for case in cases {
            let good = &good;
            scope.spawn(move || {
                let sandbox = sandbox();
                let file = sandbox.work().join("bad.tar");
                write(&file, &case.archive);
                let loads = [
                    sandbox.wharf(["load", "--input"]).arg(&file),
                    sandbox.wharf(["load"]).input(case.archive.clone()),
                ];
                for load in loads {
                    assert_refused(&case.what, &load.run(), case.says);
                    assert_nothing_visible(&case.what, &sandbox, &[good]);
                }
                assert_loads(&case.what, &sandbox, good);
            });
        }
    });
}

#[track_caller]
fn assert_loads(what: &str, sandbox: &Sandbox, image: &BuiltImage) {
    let archive = docker_archive(&[(image, &["good:1"])]);
    let output = sandbox.wharf(["load", "--quiet"]).input(archive).run();
    assert!(output.code == 0, "{what}: {}", output.error_text());
    let list = sandbox.wharf(["images", "--quiet", "--no-trunc"]).run();
    assert_eq!(list.success().text().trim(), image.id.to_string(), "{what}");
    assert_sound(what, sandbox);
}

/// `docker save`'s archive with a `manifest.json` of `entry`, changed.
fn with_listing(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let image = good_image();
    let mut entry =
        json!({"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["0.tar", "1.tar"]});
    change(&mut entry);
    TarBuilder::new()
        .file("config.json", image.config.bytes.clone())
        .file("0.tar", image.layers[0].tar.clone())
        .file("1.tar", image.layers[1].tar.clone())
        .file("manifest.json", json!([entry]).to_string())
        .finish()
}

/// An OCI layout in which one file has other bytes.
fn with_layout(path: &str, content: &str) -> Vec<u8> {
    let sandbox = Sandbox::new();
    write_oci_layout(&sandbox.work(), &[("app:1", &good_image().artifact())]);
    write(&sandbox.work().join(path), content);
    let tar = sandbox.program("tar").args(["-cf", "-", "."]);
    tar.run().success().stdout
}

#[test]
fn what_is_no_archive() {
    let says = &["not an image archive"];
    check(&[
        case("nothing", Vec::new(), says),
        case("a text", b"hello".to_vec(), says),
        case("noise", noise(100_000), says),
        case("a web page", b"<html>404</html>".repeat(100), says),
        case(
            "the tar of a file system",
            TarBuilder::new()
                .directory("etc")
                .file("etc/motd", "x")
                .finish(),
            &["manifest.json", "import"],
        ),
    ]);
}

#[test]
fn archives_that_end_early() {
    let image = good_image();
    let archives = [
        ("docker", docker_archive(&[(&image, &["app:1"])])),
        ("oci", oci_archive(&[("app:1", &image.artifact())])),
    ];
    let mut cases = Vec::new();
    for (form, archive) in &archives {
        for tenths in [1, 3, 5, 7, 9] {
            let mut cut = archive.clone();
            cut.truncate(archive.len() * tenths / 10);
            let what = format!("{form}, {tenths} tenths");
            cases.push(case(&what, cut, &[]));
        }
    }
    check(&cases);
}

#[test]
fn listings_that_do_not_fit() {
    let image = good_image();
    let layer = format!("blobs/sha256/{}", image.layers[0].blob.digest().hex());
    let config = format!("blobs/sha256/{}", image.config.digest().hex());
    check(&[
        case(
            "no JSON",
            TarBuilder::new().file("manifest.json", "[{").finish(),
            &["manifest.json"],
        ),
        case(
            "a config that is not there",
            with_listing(|entry| entry["Config"] = json!("../../etc/passwd")),
            &["../../etc/passwd", "not there"],
        ),
        case(
            "a layer that is not there",
            with_listing(|entry| entry["Layers"][1] = json!("2.tar")),
            &["2.tar", "not there"],
        ),
        case(
            "too few layers",
            with_listing(|entry| entry["Layers"] = json!(["0.tar"])),
            &["layers length mismatch: expected 2, got 1"],
        ),
        case(
            "layers in another order",
            with_listing(|entry| entry["Layers"] = json!(["1.tar", "0.tar"])),
            &["sha256:"],
        ),
        case(
            "a name that is none",
            with_listing(|entry| entry["RepoTags"] = json!(["UPPER:case"])),
            &["UPPER:case"],
        ),
        case(
            "a layout of 2030",
            with_layout("oci-layout", r#"{"imageLayoutVersion":"9.0.0"}"#),
            &["9.0.0"],
        ),
        case(
            "an index that is a web page",
            with_layout("index.json", "<html>"),
            &["index.json"],
        ),
        case(
            "a config with other bytes",
            with_layout(&config, "{}"),
            &["digest"],
        ),
        case(
            "a layer with other bytes",
            with_layout(&layer, "not a layer"),
            &["sha256:"],
        ),
    ]);
}

#[test]
fn links_in_archives_lead_nowhere_else() {
    let image = good_image();
    let config = image.config.bytes.clone();
    let listing =
        json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["0.tar", "1.tar"]}])
            .to_string();
    let with = |tar: TarBuilder| {
        tar.file("config.json", config.clone())
            .file("manifest.json", listing.clone())
            .finish()
    };
    check(&[
        case(
            "a link to itself",
            with(
                TarBuilder::new()
                    .symlink("0.tar", "0.tar")
                    .symlink("1.tar", "0.tar"),
            ),
            &["0.tar"],
        ),
        case(
            "a link to the outside",
            with(
                TarBuilder::new()
                    .symlink("0.tar", "/etc/passwd")
                    .symlink("1.tar", "../../etc/passwd"),
            ),
            &["0.tar"],
        ),
    ]);
}

#[test]
fn an_archive_that_cannot_be_opened() {
    let sandbox = sandbox();
    let output = sandbox.wharf(["load", "--input", "nowhere.tar"]).run();
    assert_refused(
        "no file",
        &output,
        &["nowhere.tar", "no such file or directory"],
    );
    assert_nothing_visible("no file", &sandbox, &[]);
}

#[test]
fn privileged_what_cannot_be_saved_whole_is_not_there() {
    if !running_as_root() {
        return;
    }
    let (sandbox, image) = (sandbox(), good_image());
    assert_loads("before", &sandbox, &image);
    let folder = sandbox.work().join("small");
    std::fs::create_dir(&folder).unwrap();
    let mount = sandbox
        .program("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
    mount.arg(&folder).run().success();
    let _unmounted = Unmount {
        sandbox: &sandbox,
        folder: folder.clone(),
    };
    let output = sandbox
        .wharf(["save", "good:1", "--output"])
        .arg(folder.join("image.tar"))
        .run();
    let text = output.error_text().to_lowercase();
    assert!(text.contains("no space left"), "{text}");
    assert_refused("a full disk", &output, &[]);
    assert_eq!(names(&folder), Vec::<String>::new(), "half an archive");
    let output = sandbox
        .wharf(["save", "good:1", "--output", "nowhere/image.tar"])
        .run();
    assert_refused("no folder", &output, &["nowhere"]);
}

struct Unmount<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
}

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let output = self.sandbox.program("umount").arg(&self.folder).run();
        assert!(
            output.code == 0 || thread::panicking(),
            "{}",
            output.error_text()
        );
    }
}
