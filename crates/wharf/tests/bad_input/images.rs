//! Images that are wrong in themselves: every byte comes as announced, and what it says is a lie or a trap.

use std::path::Path;
use std::thread;

use testkit::{
    Blob, BuiltImage, BuiltLayer, Dialect, Entry, ImageBuilder, IndexBuilder, LayerCompression,
    ScriptedRegistry, TarBuilder, bomb_layer,
};
use wharf_oci::{DiffId, Digest, MediaType};

use crate::fixture::{
    assert_nothing_visible, assert_pulls, assert_refused, assert_sound, good_image, name, names,
    noise, pull, sandbox,
};

/// An image, and what the person is told about it.
struct Case {
    what: &'static str,
    image: BuiltImage,
    says: &'static [&'static str],
}

/// Pulls each into a store of its own, side by side, and the good image after it.
fn check(cases: &[Case]) {
    let good = good_image();
    thread::scope(|scope| {
        for case in cases {
            let good = &good;
            scope.spawn(move || {
                let sandbox = sandbox();
                let registry = ScriptedRegistry::start(&case.image.artifact());
                let output = pull(&sandbox, &name(&registry));
                assert_refused(case.what, &output, case.says);
                assert_nothing_visible(case.what, &sandbox, &[&case.image]);
                assert!(
                    size_below(&sandbox.root()) < 4 << 20,
                    "{}: what was refused still takes space",
                    case.what
                );
                let registry = ScriptedRegistry::start(&good.artifact());
                assert_pulls(case.what, &sandbox, &name(&registry), good);
            });
        }
    });
}

fn size_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            size_below(&entry.path())
        } else {
            metadata.len()
        }
    });
    sizes.sum()
}

/// An image with one layer of `tar`.
fn with_tar(tar: Vec<u8>) -> BuiltImage {
    ImageBuilder::new().layer(tar, "ADD trap /").build()
}

fn with_layer(layer: BuiltLayer) -> BuiltImage {
    ImageBuilder::new().built_layer(layer, "ADD trap /").build()
}

/// The good layer, changed.
fn changed_layer(change: impl FnOnce(&mut BuiltLayer)) -> BuiltImage {
    let mut layer = good_image().layers.remove(0);
    change(&mut layer);
    ImageBuilder::new()
        .dialect(Dialect::Oci)
        .built_layer(layer, "ADD lie /")
        .build()
}

/// The good layer's blob with other bytes, under their own digest.
fn changed_blob(change: impl FnOnce(&mut Vec<u8>)) -> BuiltImage {
    changed_layer(|layer| {
        let mut bytes = layer.blob.bytes.clone();
        change(&mut bytes);
        layer.blob = Blob::new(layer.blob.descriptor.media_type.as_str(), bytes);
    })
}

#[test]
fn layers_that_are_not_what_they_are_called() {
    check(&[
        Case {
            what: "another diff ID",
            image: changed_layer(|layer| layer.diff_id = DiffId::new(Digest::of(b"other"))),
            says: &["sha256:"],
        },
        Case {
            what: "a size that is too large",
            image: changed_layer(|layer| layer.blob.descriptor.size += 10),
            says: &["sha256:"],
        },
        Case {
            what: "a size that is too small",
            image: changed_layer(|layer| layer.blob.descriptor.size -= 10),
            says: &["sha256:"],
        },
        Case {
            what: "a size of exabytes",
            image: changed_layer(|layer| layer.blob.descriptor.size = u64::MAX >> 1),
            says: &["sha256:"],
        },
        Case {
            what: "gzip that ends early",
            image: changed_blob(|bytes| bytes.truncate(bytes.len() / 2)),
            says: &["sha256:"],
        },
        Case {
            what: "gzip with a wrong checksum",
            image: changed_blob(|bytes| {
                let at = bytes.len() - 6;
                bytes[at] ^= 1;
            }),
            says: &["sha256:", "checksum"],
        },
        Case {
            what: "something behind the gzip stream",
            image: changed_blob(|bytes| bytes.extend(b"more")),
            says: &["sha256:", "follows"],
        },
        Case {
            what: "no archive",
            image: with_tar(noise(5_000)),
            says: &["sha256:", "checksum of the header"],
        },
        Case {
            what: "an archive that ends in the middle of a file",
            image: with_tar(
                TarBuilder::new().file("a", vec![b'x'; 3_000]).finish()[..1_500].to_vec(),
            ),
            says: &["sha256:", "truncated"],
        },
    ]);
}

#[test]
fn traps_in_layers() {
    let file = |path: &str| TarBuilder::new().file(path, "bad");
    check(&[
        Case {
            what: "a path to the outside",
            image: with_tar(file("../../../../../../../../tmp/climbed").finish()),
            says: &["sha256:", "../../tmp/climbed", "leads out of the layer"],
        },
        Case {
            what: "a hard link to the outside",
            image: with_tar(
                TarBuilder::new()
                    .hard_link("passwd", "../../../../../../../../etc/passwd")
                    .finish(),
            ),
            says: &["sha256:", "passwd"],
        },
        Case {
            what: "a path without end",
            image: with_tar(file(&"d/".repeat(3_000)).finish()),
            says: &["sha256:", "4095 bytes"],
        },
        Case {
            what: "a header without end",
            image: with_tar(
                TarBuilder::new()
                    .entry(&Entry::file("a", "x").pax("comment", vec![b'x'; 2 << 20]))
                    .finish(),
            ),
            says: &["sha256:", "1048576 bytes"],
        },
        Case {
            what: "a file of exabytes",
            image: with_tar(
                TarBuilder::new()
                    .entry(&Entry::file("a", "x").declared_size(1 << 60))
                    .finish(),
            ),
            says: &["sha256:"],
        },
        Case {
            what: "zeros without end",
            image: with_layer(bomb_layer("zeros", 5 << 30)),
            says: &["sha256:", "1100 times"],
        },
    ]);
}

#[test]
fn paths_through_links_stay_in_their_layer() {
    let sandbox = sandbox();
    let outside = sandbox.path().join("temp");
    let inside = outside.display().to_string();
    let tar = TarBuilder::new()
        .file(&format!("{inside}/absolute"), "bad")
        .symlink("up", &format!("{}{inside}", "../".repeat(12)))
        .file("up/through-link", "bad")
        .symlink("out", &inside)
        .file("out/through-link", "bad")
        .finish();
    let registry = ScriptedRegistry::start(&with_tar(tar).artifact());
    let output = pull(&sandbox, &name(&registry));
    // As in a container: the root of the layer is the root of its links.
    assert_eq!(output.code, 0, "{}", output.error_text());
    assert_eq!(names(&outside), Vec::<String>::new());
    assert_sound("links to the outside", &sandbox);
}

#[test]
fn documents_that_do_not_fit_together() {
    let good = good_image();
    let config = |json: &str| good_image().with_config(json.as_bytes().to_vec());
    check(&[
        Case {
            what: "a config that is no JSON",
            image: config("<html>"),
            says: &["config"],
        },
        Case {
            what: "a config with fewer layers",
            image: config(
                r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#,
            ),
            says: &["layers"],
        },
        Case {
            what: "a config with a diff ID that is none",
            image: config(
                r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:1","../../etc"]}}"#,
            ),
            says: &["config"],
        },
        Case {
            what: "a config whose size is a lie",
            image: {
                let mut image = good.clone();
                let text = String::from_utf8(image.manifest.bytes.clone()).unwrap();
                let size = format!("\"size\": {}", image.config.bytes.len());
                let text = text.replace(&size, "\"size\": 7");
                image.manifest = Blob::new(MediaType::OCI_MANIFEST, text.into_bytes());
                image
            },
            says: &["sha256:"],
        },
        Case {
            what: "a manifest of 2015",
            image: {
                let mut image = good.clone();
                let schema1 =
                    br#"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#;
                image.manifest = Blob::new(
                    "application/vnd.docker.distribution.manifest.v1+json",
                    schema1.to_vec(),
                );
                image
            },
            says: &["schema 1"],
        },
    ]);
}

#[test]
fn an_index_without_this_platform() {
    let other = ImageBuilder::new()
        .dialect(Dialect::Oci)
        .platform("linux/s390x")
        .compressed_layer(
            TarBuilder::new().file("a", "x").finish(),
            LayerCompression::None,
            "ADD a /",
        )
        .build();
    let index = IndexBuilder::new(Dialect::Oci).image(&other).build();
    let sandbox = sandbox();
    let registry = ScriptedRegistry::start(&index.artifact());
    let output = pull(&sandbox, &name(&registry));
    assert_refused(
        "no platform",
        &output,
        &["no matching manifest for linux/amd64"],
    );
    assert_nothing_visible("no platform", &sandbox, &[]);
}
