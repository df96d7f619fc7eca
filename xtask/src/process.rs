//! Runs other programs, knows the repository's root, and is the one place of this crate that prints.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The root folder of the repository, as it was when this program was compiled.
pub(crate) fn repository_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The `cargo` that started this program, or the first in the PATH.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo says in the environment which one it is"
)]
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository_root());
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("running cargo metadata")?;
    let metadata = String::from_utf8_lossy(&output.stdout).into_owned();
    let folder = metadata
        .split_once("\"target_directory\":\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    match folder {
        Some((folder, _)) => Ok(folder.into()),
        None => bail!("cargo metadata names no target folder"),
    }
}

/// Runs `command` with this program's own standard streams, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// How a person would type `command`, without its working folder and environment.
pub(crate) fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// Prints one line for the person who runs the command.
#[expect(
    clippy::print_stdout,
    reason = "the one place of this crate that writes to standard output"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Prints one line on standard error: why the command failed, or what another program printed there.
#[expect(
    clippy::print_stderr,
    reason = "the one place of this crate that writes to standard error"
)]
pub(crate) fn say_on_stderr(line: &str) {
    eprintln!("{line}");
}
