//! Output that goes nowhere, and input that comes from nowhere.

use std::process::{Command, Stdio};

use testkit::{ImageBuilder, Sandbox, TarBuilder, docker_archive, running_as_root};

#[test]
fn an_archive_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let layer = TarBuilder::new().file("a", "a\n").finish();
    let image = ImageBuilder::new().layer(layer, "COPY a /").build();
    let archive = docker_archive(&[(&image, &["app:1"])]);
    sandbox.wharf(["load"]).input(archive).run().success();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(sandbox.wharf_binary())
        .args(["save", "app:1"])
        .env_clear()
        .envs(sandbox.environment())
        .stdout(Stdio::from(full))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "Error response from daemon: cannot write the archive: No space left on device\n"
    );
}

#[test]
fn what_is_imported_from_nowhere_is_named() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .wharf(["import", "http://127.0.0.1:1/root.tar"])
        .run();
    let text = output.exits_with(1).error_text();
    assert!(text.contains("http://127.0.0.1:1/root.tar"), "{text}");
}

#[test]
fn privileged_a_disk_that_fills_up_under_a_pipe_is_named() {
    if !running_as_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let mount = sandbox.program("mount");
    let mount = mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
    mount.arg(sandbox.root()).run().success();
    let input = vec![b'x'; 2 << 20];
    let outputs = [&["load"][..], &["import", "-"]].map(|words| {
        let command = sandbox.wharf(words).input(input.clone());
        (words, command.run())
    });
    let unmount = sandbox.program("umount").arg(sandbox.root());
    unmount.run().success();
    for (words, output) in outputs {
        let text = output.exits_with(1).error_text();
        let path = sandbox.root().join("ingest/spool-").display().to_string();
        assert!(
            text.contains(&format!("cannot write {path}")),
            "{words:?}: {text}"
        );
        assert!(text.ends_with(": No space left on device\n"), "{text}");
    }
}
