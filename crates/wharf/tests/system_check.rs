//! `wharf system check`: what people's disks do to a store, what the command says of it, and what it mends.

#![expect(
    clippy::unwrap_used,
    reason = "a test's set-up that fails ends the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use testkit::{
    BuiltImage, ImageBuilder, LayerCompression, Sandbox, TarBuilder, docker_archive, read, write,
};

fn image() -> BuiltImage {
    let base = TarBuilder::new()
        .directory("etc")
        .file("etc/issue", "hello")
        .symlink("link", "etc/issue")
        .finish();
    let upper = TarBuilder::new().file("etc/more", "more").finish();
    ImageBuilder::new()
        .layer(base, "base")
        .compressed_layer(upper, LayerCompression::None, "upper")
        .build()
}

fn loaded() -> Sandbox {
    let sandbox = Sandbox::new();
    let archive = docker_archive(&[(&image(), &["app:1"])]);
    sandbox.wharf(["load"]).input(archive).run().success();
    sandbox
}

fn only_file(sandbox: &Sandbox, pattern: impl Fn(&Path) -> bool) -> PathBuf {
    let mut folders = vec![sandbox.root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if pattern(&path) {
                return path;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            }
        }
    }
    panic!("the store holds no such file")
}

#[test]
fn a_sound_store_has_no_problems() {
    let sandbox = loaded();
    let output = sandbox.wharf(["system", "check"]).run().success();
    let text = output.text();
    assert!(text.starts_with("Checked 4 blobs ("), "{text}");
    assert!(
        text.ends_with("), 2 layers, 1 image: no problems\n"),
        "{text}"
    );
    assert_eq!(output.error_text(), "");
}

/// Damage, what the check says of it, and whether the repair can mend it without pulling again.
struct Case {
    name: &'static str,
    damage: fn(&Sandbox),
    said: &'static str,
    mends: bool,
}

const CASES: &[Case] = &[
    Case {
        name: "a file of a layer was changed",
        damage: |sandbox| {
            let file = only_file(sandbox, |path| path.ends_with("fs/etc/issue"));
            write(&file, "HELLO");
        },
        said: "/etc/issue has another modification time",
        mends: true,
    },
    Case {
        name: "a file of a layer is gone",
        damage: |sandbox| {
            let file = only_file(sandbox, |path| path.ends_with("fs/etc/more"));
            fs::remove_file(file).unwrap();
        },
        said: "/etc/more is missing",
        mends: true,
    },
    Case {
        name: "a layer is gone",
        damage: |sandbox| {
            let file = only_file(sandbox, |path| path.ends_with("fs/etc/more"));
            fs::remove_dir_all(file.ancestors().nth(3).unwrap()).unwrap();
        },
        said: "is not unpacked",
        mends: true,
    },
    Case {
        name: "what describes a layer was cut off",
        damage: |sandbox| {
            let file = only_file(sandbox, |path| path.ends_with("layer.json"));
            write(&file, "{\"format\":");
        },
        said: "layer.json cannot be read",
        mends: true,
    },
    Case {
        name: "a blob was cut off",
        damage: |sandbox| {
            let blob = only_file(sandbox, |path| {
                path.parent().is_some_and(|p| p.ends_with("blobs/sha256"))
                    && fs::read(path).is_ok_and(|bytes| !bytes.starts_with(b"{"))
            });
            let mut bytes = read(&blob);
            bytes.truncate(bytes.len() / 2);
            write(&blob, bytes);
        },
        said: "is damaged: its digest is sha256:",
        mends: false,
    },
    Case {
        name: "the manifest is gone",
        damage: |sandbox| {
            let blob = only_file(sandbox, |path| {
                path.parent().is_some_and(|p| p.ends_with("blobs/sha256"))
                    && fs::read_to_string(path).is_ok_and(|text| text.contains("\"layers\""))
            });
            fs::remove_file(blob).unwrap();
        },
        said: "is missing: pull or load app:1 again",
        mends: false,
    },
    Case {
        name: "the database is gone",
        damage: |sandbox| fs::remove_file(sandbox.root().join("wharf.db")).unwrap(),
        said: "the database of the image store in ",
        mends: true,
    },
    Case {
        name: "the database is something else",
        damage: |sandbox| {
            for ending in ["-wal", "-shm"] {
                // Only there while a process has the database open.
                drop(fs::remove_file(
                    sandbox.root().join(format!("wharf.db{ending}")),
                ));
            }
            write(&sandbox.root().join("wharf.db"), [7; 8192]);
        },
        said: "file is not a database",
        mends: true,
    },
];

#[test]
fn damage_is_found_and_mended_or_named() {
    for case in CASES {
        let sandbox = loaded();
        let before = sandbox.wharf(["images", "--no-trunc"]).run().success();
        (case.damage)(&sandbox);
        let check = sandbox.wharf(["system", "check"]).run().exits_with(1);
        let said = check.text() + &check.error_text();
        assert!(said.contains(case.said), "{}: {said}", case.name);
        assert!(
            said.contains("wharf system check --repair"),
            "{}: {said}",
            case.name
        );

        let repair = sandbox.wharf(["system", "check", "--repair"]).run();
        if case.mends {
            let again = sandbox.wharf(["system", "check"]).run().success();
            assert!(again.text().contains("no problems"), "{}", case.name);
            let after = sandbox.wharf(["images", "--no-trunc"]).run().success();
            assert_eq!(before.text(), after.text(), "{}", case.name);
        } else {
            let said = repair.exits_with(1).text();
            assert!(
                said.contains("pull or load app:1 again"),
                "{}: {said}",
                case.name
            );
        }
        // What the check advises works.
        let archive = docker_archive(&[(&image(), &["app:1"])]);
        sandbox.wharf(["load"]).input(archive).run().success();
        let last = sandbox.wharf(["system", "check"]).run().success();
        assert!(last.text().contains("no problems"), "{}", case.name);
    }
}
