//! Save to and load from a file, in Docker's and in OCI's archive format.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::bench::Bench;
use crate::accounting::run;
use crate::images::{ImageName, ensure_image};
use crate::results::CaseResults;
use crate::tools::{ArchiveFormat, Operation, Tool, User};

const IMAGE: ImageName = ImageName::Medium;
const FORMATS: [(ArchiveFormat, &str); 2] = [
    (ArchiveFormat::Docker, "docker archive"),
    (ArchiveFormat::Oci, "oci archive"),
];

pub(super) fn save(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let reference = bench.registry.ensure(&bench.sandbox, IMAGE)?;
    bench.rounds("save medium", &tools(bench), results, |tool, results| {
        let session = bench.session(tool, User::Root)?;
        session.measure(Operation::Pull {
            reference: &reference,
        })?;
        let file = session.temporary().join("saved.tar");
        for (format, subject) in FORMATS {
            let usage = session.measure(Operation::Save {
                reference: &reference,
                file: &file,
                format,
            })?;
            if let Some(usage) = usage {
                results.add_usage(subject, tool, User::Root, usage);
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    });
    Ok(())
}

pub(super) fn load(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    for (format, subject) in FORMATS {
        let file = archive(bench, format)?;
        bench.rounds(
            &format!("load {subject}"),
            &tools(bench),
            results,
            |tool, results| {
                let session = bench.session(tool, User::Root)?;
                let usage = session.measure(Operation::Load {
                    file: &file,
                    format,
                })?;
                if let Some(usage) = usage {
                    results.add_usage(subject, tool, User::Root, usage);
                }
                Ok(())
            },
        );
    }
    Ok(())
}

fn tools(bench: &Bench) -> Vec<Tool> {
    let tools = bench.tools.iter().copied();
    tools.filter(|tool| *tool != Tool::Ruler).collect()
}

/// The image as a file, as Skopeo writes it: Docker's format with plain layers, OCI's with the layers as they are.
fn archive(bench: &Bench, format: ArchiveFormat) -> Result<PathBuf> {
    let layout = ensure_image(&bench.sandbox.cache, IMAGE)?;
    let (kind, name) = match format {
        ArchiveFormat::Docker => ("docker-archive", ":bench/medium:latest"),
        ArchiveFormat::Oci => ("oci-archive", ":latest"),
    };
    let file = layout.join(format!("{kind}.tar"));
    if !file.exists() {
        let partial = layout.join(format!("{kind}.partial"));
        if partial.exists() {
            fs::remove_file(&partial)?;
        }
        run(bench
            .sandbox
            .command("skopeo")
            .args(["copy", "--quiet"])
            .arg(format!("oci:{}:latest", layout.display()))
            .arg(format!("{kind}:{}{name}", partial.display()))
            .env("TMPDIR", &layout))?;
        fs::rename(&partial, &file)?;
    }
    Ok(file)
}
