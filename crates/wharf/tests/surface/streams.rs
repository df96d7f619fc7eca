//! Output that goes nowhere, and input that comes from nowhere.

use std::process::{Command, Stdio};

use testkit::{ImageBuilder, Sandbox, TarBuilder, docker_archive};

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
