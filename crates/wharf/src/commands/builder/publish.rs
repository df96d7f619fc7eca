//! What is done with the images of a build: archives, pushes, and files that say what came of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;
use wharf_engine::{ArchiveTarget, BuildOutcome, BuiltImage, FilesPlace, FilesTarget};

use super::display::Shown;
use super::output_option::{FilesAttributes, Output};
use crate::arguments::{Flag, Matches};
use crate::environment::Environment;
use crate::output_file::OutputFile;
use crate::progress::{Progress, Shown as PushShown};
use crate::session::Session;

pub(super) const IIDFILE: Flag = Flag::text("iidfile", "Write the image ID to a file");
pub(super) const METADATA_FILE: Flag =
    Flag::text("metadata-file", "Write build result metadata to a file");

/// Folders and archives for the files of the result.
pub(super) fn files(session: &Session, outputs: &[Output]) -> anyhow::Result<Vec<FilesTarget>> {
    let mut targets = Vec::new();
    for output in outputs {
        match output {
            Output::Local {
                folder,
                deletes,
                files,
            } => {
                let place = FilesPlace::Folder {
                    path: folder.clone(),
                    deletes: *deletes,
                };
                targets.push(target(place, files));
            }
            Output::Tar { path: None, files } => {
                refuse_terminal(session, "tar")?;
                targets.push(target(FilesPlace::Archive(Box::new(io::stdout())), files));
            }
            Output::Archive { path: None, .. } => refuse_terminal(session, "oci")?,
            Output::Tar {
                path: Some(path),
                files,
            } => {
                let file = File::create(path)
                    .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))?;
                targets.push(target(FilesPlace::Archive(Box::new(file)), files));
            }
            _ => {}
        }
    }
    Ok(targets)
}

fn target(place: FilesPlace, files: &FilesAttributes) -> FilesTarget {
    FilesTarget {
        place,
        splits: !files.unsplit,
        attestation_prefix: files.attestation_prefix.clone(),
    }
}

fn refuse_terminal(session: &Session, kind: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        !session.printer().is_terminal(),
        "dest file is required for {kind} exporter. refusing to write to console"
    );
    Ok(())
}

/// Writes archives, and pushes.
pub(super) async fn publish(
    session: &Session,
    output: &Output,
    image: &BuiltImage,
    shown: Shown,
) -> anyhow::Result<()> {
    match output {
        Output::Archive {
            path,
            for_docker,
            is_folder,
            ..
        } => {
            anyhow::ensure!(
                !for_docker || image.manifests.len() == 1,
                "docker exporter does not currently support exporting manifest lists: use type=oci"
            );
            archive(session, image, *for_docker, path.as_deref(), *is_folder)
        }
        Output::Image {
            push: true,
            by_digest,
            ..
        } => {
            let shown = match shown {
                Shown::Plain | Shown::Terminal => PushShown::All,
                _ => PushShown::Nothing,
            };
            let progress = Progress::new(session.printer(), shown);
            let engine = session.engine();
            engine
                .push_built(image, *by_digest, &progress.sink())
                .await?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn archive(
    session: &Session,
    image: &BuiltImage,
    for_docker: bool,
    path: Option<&Path>,
    is_folder: bool,
) -> anyhow::Result<()> {
    let engine = session.engine();
    match path {
        None => {
            let stdout = rustix::io::dup(rustix::stdio::stdout())?;
            let target = ArchiveTarget::Tar(File::from(stdout));
            engine.archive_built(image, for_docker, target)?;
        }
        Some(path) if is_folder => {
            let target = ArchiveTarget::Folder(PathBuf::from(path));
            engine.archive_built(image, for_docker, target)?;
        }
        Some(path) => {
            let output = OutputFile::create(path)?;
            let target = ArchiveTarget::Tar(output.file().try_clone()?);
            engine.archive_built(image, for_docker, target)?;
            output.keep()?;
        }
    }
    Ok(())
}

/// `--iidfile` and `--metadata-file`.
pub(super) fn write_files(
    matches: &Matches,
    outcome: &BuildOutcome,
    warnings: &[String],
) -> anyhow::Result<()> {
    let write = |path: &str, text: &str| {
        // a name alone has no folder to be synced
        let file = Path::new(".").join(path);
        wharf_blobs::write_file(&file, text.as_bytes(), 0o644)
            .map_err(|error| anyhow::anyhow!("cannot write {path}: {error}"))
    };
    if let Some(path) = matches.some_text(&IIDFILE) {
        write(path, &outcome.image.to_string())?;
    }
    let Some(path) = matches.some_text(&METADATA_FILE) else {
        return Ok(());
    };
    let mut metadata = serde_json::Map::new();
    let told = Environment::build_argument("BUILDX_METADATA_PROVENANCE");
    if !matches!(told.as_deref(), Some("disabled" | "false" | "0")) {
        for (platform, provenance) in &outcome.provenance {
            let key = match outcome.provenance.len() {
                1 => "buildx.build.provenance".to_owned(),
                _ => format!("buildx.build.provenance/{platform}"),
            };
            metadata.insert(key, provenance.clone());
        }
    }
    if matches!(
        Environment::build_argument("BUILDX_METADATA_WARNINGS").as_deref(),
        Some("1" | "true")
    ) {
        metadata.insert("buildx.build.warnings".to_owned(), json!(warnings));
    }
    let manifest = &outcome.manifest;
    let is_index = manifest.media_type.kind() == wharf_oci::MediaTypeKind::Index;
    if !is_index || outcome.provenance.len() == 1 {
        metadata.insert(
            "containerimage.config.digest".to_owned(),
            json!(outcome.image),
        );
    }
    metadata.insert("containerimage.descriptor".to_owned(), json!(manifest));
    metadata.insert("containerimage.digest".to_owned(), json!(manifest.digest));
    let mut names: Vec<String> = Vec::new();
    for name in outcome.images.iter().flat_map(|image| &image.names) {
        if !names.contains(&name.to_string()) {
            names.push(name.to_string());
        }
    }
    if !names.is_empty() {
        metadata.insert("image.name".to_owned(), json!(names.join(",")));
    }
    let text = serde_json::to_string_pretty(&metadata)?;
    write(path, &format!("{text}\n"))
}
