//! Runs a scenario with one program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::fixtures::fixture;
use super::normalize::Normalizer;
use super::scenario::{Scenario, Step};
use super::transcript::{Transcript, TranscriptEntry};
use crate::files::write;
use crate::image::{docker_archive, oci_archive};
use crate::sandbox::Sandbox;
use crate::servers::{REGISTRY_PASSWORD, REGISTRY_USER, SearchServer, TestRegistry};

/// What is run where a scenario says `docker`.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable file.
    pub path: OsString,
    /// The daemon that the docker CLI is to ask: its `DOCKER_HOST` and its folder.
    pub daemon: Option<(OsString, PathBuf)>,
}

/// Runs `scenario` in a new sandbox with a new registry. `None`, said aloud, where there is no registry to run.
pub fn run_scenario(scenario: &Scenario, program: &Program) -> Option<Transcript> {
    let kind = TestRegistry::builder();
    let registry = if scenario.password {
        kind.password()
    } else {
        kind
    }
    .start()?;
    let sandbox = Sandbox::new();
    let mut normalizer = Normalizer::default();
    normalizer.replace(registry.address(), "REGISTRY");
    normalizer.replace(sandbox.path().display().to_string(), "SANDBOX");
    if let Some((_, folder)) = &program.daemon {
        normalizer.replace(folder.display().to_string(), "DAEMON");
    }
    let search = scenario.search.then(SearchServer::start);
    let search_address = search
        .as_ref()
        .map(SearchServer::address)
        .unwrap_or_default();
    if scenario.search {
        normalizer.replace(search_address.clone(), "SEARCH");
    }
    let mut raw: Vec<TranscriptEntry> = Vec::new();
    for step in &scenario.steps {
        match step {
            Step::Push { image, name } => {
                let (repository, tag) = name.rsplit_once(':').expect("a name with a tag");
                registry.push(&fixture(image).artifact, repository, tag);
            }
            Step::Run { command, recorded } => {
                let entry = run_command(
                    command,
                    program,
                    &sandbox,
                    &[
                        ("REGISTRY", &registry.address()),
                        ("SEARCH", &search_address),
                    ],
                );
                if *recorded {
                    raw.push(entry);
                } else {
                    assert!(entry.code == 0, "a command that prepares failed:\n{entry}");
                }
            }
            Step::Capture { name } => {
                let last = raw.last().expect("a command before `capture`");
                normalizer.capture(&last.stdout, name);
            }
            Step::Archive { .. } | Step::Layer { .. } | Step::File { .. } => {
                make_file(step, &sandbox.work());
            }
        }
    }
    let entries = raw
        .into_iter()
        .map(|entry| TranscriptEntry {
            stdout: normalizer.apply(&entry.stdout),
            stderr: normalizer.apply(&entry.stderr),
            ..entry
        })
        .collect();
    Some(Transcript { entries })
}

fn make_file(step: &Step, folder: &Path) {
    match step {
        Step::Archive {
            file,
            image,
            names,
            oci: false,
        } => {
            let image = fixture(image).image;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            write(&folder.join(file), docker_archive(&[(&image, &names)]));
        }
        Step::Archive {
            file,
            image,
            names,
            oci: true,
        } => {
            let artifact = fixture(image).artifact;
            let names = if names.is_empty() {
                vec![""]
            } else {
                names.iter().map(String::as_str).collect()
            };
            let entries: Vec<_> = names.into_iter().map(|name| (name, &artifact)).collect();
            write(&folder.join(file), oci_archive(&entries));
        }
        Step::Layer { file, image } => {
            let image = fixture(image).image;
            let layer = image.layers.first().expect("an image with a layer");
            write(&folder.join(file), &layer.tar);
        }
        Step::File { file, line } => write(&folder.join(file), format!("{line}\n")),
        Step::Push { .. } | Step::Run { .. } | Step::Capture { .. } => {}
    }
}

fn run_command(
    command: &str,
    program: &Program,
    sandbox: &Sandbox,
    addresses: &[(&str, &str)],
) -> TranscriptEntry {
    let script = format!("docker() {{ \"$PROGRAM\" \"$@\"; }}\n{command}");
    let mut shell = sandbox
        .program("/bin/sh")
        .env("PROGRAM", &program.path)
        .env("REGISTRY_USER", REGISTRY_USER)
        .env("REGISTRY_PASSWORD", REGISTRY_PASSWORD)
        .args(["-c", &script]);
    for (name, address) in addresses {
        shell = shell.env(name, address);
    }
    if let Some((host, _)) = &program.daemon {
        shell = shell.env("DOCKER_HOST", host);
    }
    let output = shell.run();
    TranscriptEntry {
        command: command.to_owned(),
        stdout: output.text(),
        stderr: output.error_text(),
        code: output.code,
    }
}
