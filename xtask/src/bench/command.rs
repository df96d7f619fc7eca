//! `cargo xtask bench`: builds what is measured and what measures, and starts it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::packages::{PEERS, Program, REQUIRED, is_root, provide};
use crate::process::{cargo, repository_root, run as run_command, say};

/// What the `medium` image is made of: without them it is smaller.
const IN_THE_IMAGE: [Program; 6] = [
    Program {
        name: "g++",
        package: "g++",
    },
    Program {
        name: "git",
        package: "git",
    },
    Program {
        name: "cmake",
        package: "cmake",
    },
    Program {
        name: "perl",
        package: "perl",
    },
    Program {
        name: "python3",
        package: "python3",
    },
    Program {
        name: "vim",
        package: "vim",
    },
];

/// What serves the same bytes as static files.
const SERVER: [Program; 1] = [Program {
    name: "nginx",
    package: "nginx-light",
}];

/// The version of BuildKit that is measured.
const BUILDKIT: &str = "v0.32.2";

/// What `cargo xtask bench` understands: everything is the measuring program's, `cargo xtask bench --help` shows it.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct BenchArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs the benchmarks.
pub(crate) fn run(arguments: &BenchArguments) -> Result<()> {
    if !is_root() {
        bail!("the bench mounts file systems and starts daemons: run it as root");
    }
    // `registry` and `containers` are other parts of the measuring program.
    let (word, more, beside) = match arguments.arguments.split_first() {
        Some((first, more)) if first == "registry" => ("registry", more, &SERVER[..]),
        Some((first, more)) if first == "containers" => ("containers", more, &[][..]),
        _ => ("images", &arguments.arguments[..], &IN_THE_IMAGE[..]),
    };
    let wished: Vec<Program> = PEERS.iter().chain(beside).copied().collect();
    provide(REQUIRED, &wished, true)?;

    let mut build = cargo();
    build.args([
        "build",
        "--release",
        "--package",
        "wharf-bench",
        "--package",
        "pull-ruler",
        "--package",
        "wharf",
    ]);
    run_command(&mut build)?;

    let own = std::env::current_exe()?;
    let target = own
        .parent()
        .and_then(|folder| folder.parent())
        .context("this program does not lie in a target folder")?;
    if word == "containers" {
        build_buildkit(&target.join("bench/tools"))?;
    }
    // Namespaces of its own, and death with this process: so no mount, no daemon and no loop device outlives a run,
    // however it ends. See `sandbox.rs` of wharf-bench.
    let mut bench = Command::new("setpriv");
    bench
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--pid",
            "--fork",
        ])
        .args(["--kill-child", "--mount-proc"])
        .arg(target.join("release/wharf-bench"))
        .arg(word)
        .arg("--cache")
        .arg(target.join("bench"))
        .arg("--page")
        .arg(repository_root().join("docs/performance.md"))
        .args(more);
    run_command(&mut bench)
}

/// Debian has no BuildKit: it is built from its sources where there is Go, and left out where there is none.
fn build_buildkit(folder: &Path) -> Result<()> {
    if folder.join("buildkitd").exists() && folder.join("buildctl").exists() {
        return Ok(());
    }
    let mut go = Command::new("go");
    if !go
        .arg("version")
        .output()
        .is_ok_and(|answer| answer.status.success())
    {
        say("skipped: BuildKit is not measured, since there is no Go to build it with");
        return Ok(());
    }
    let mut install = Command::new("go");
    install
        .env("GOBIN", folder)
        .env("CGO_ENABLED", "0")
        .arg("install");
    for program in ["buildkitd", "buildctl"] {
        install.arg(format!("github.com/moby/buildkit/cmd/{program}@{BUILDKIT}"));
    }
    run_command(&mut install)
}
