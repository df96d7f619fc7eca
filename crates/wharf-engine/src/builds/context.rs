//! Where a build's files come from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_build::copy::read_archive;
use wharf_build::dockerfile::limits::MAXIMUM_FILE_BYTES;
use wharf_build::ignore::{MAXIMUM_IGNORE_FILE_BYTES, PatternMatcher, ignore_patterns};
use wharf_build::tree::{FileTree, FolderTree, Modes, resolve};
use wharf_images::ImageStore;
use wharf_layers::Limits;
use wharf_transfer::ErrorKind;

use super::request::DockerfileSource;
use crate::error::{EngineError, classify, failure};

const USUAL_NAME: &str = "Dockerfile";
const OTHER_NAME: &str = "dockerfile";
const IGNORE_FILE: &str = ".dockerignore";

/// A Dockerfile, and what it is called.
#[derive(Debug, Clone)]
pub(super) struct FoundDockerfile {
    pub(super) bytes: Vec<u8>,
    pub(super) name: String,
    /// Where it is on this machine.
    pub(super) path: Option<PathBuf>,
}

/// The Dockerfile of a folder, or one beside it.
pub(super) fn dockerfile_of_folder(
    source: &DockerfileSource,
    folder: Option<&Path>,
) -> Result<FoundDockerfile, EngineError> {
    let path = match (source, folder) {
        (DockerfileSource::Bytes(bytes), _) => {
            return Ok(FoundDockerfile {
                bytes: bytes.clone(),
                name: USUAL_NAME.to_owned(),
                path: None,
            });
        }
        (DockerfileSource::File(path), _) => path.clone(),
        (DockerfileSource::InContext(Some(name)), Some(folder)) => folder.join(name),
        (DockerfileSource::InContext(None), Some(folder)) => {
            let usual = folder.join(USUAL_NAME);
            let other = folder.join(OTHER_NAME);
            if !usual.exists() && other.exists() {
                other
            } else {
                usual
            }
        }
        (DockerfileSource::InContext(_), None) => {
            return Err(failure(
                ErrorKind::Invalid,
                "the Dockerfile cannot be empty",
            ));
        }
    };
    let bytes = File::open(&path)
        .and_then(|file| limited(file, MAXIMUM_FILE_BYTES))
        .map_err(|error| unreadable(&path.display().to_string(), &error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(FoundDockerfile {
        bytes,
        name: name.into_owned(),
        path: Some(path),
    })
}

/// The Dockerfile that lies in a context.
pub(super) fn dockerfile_in(
    tree: &dyn FileTree,
    name: Option<&str>,
) -> Result<FoundDockerfile, EngineError> {
    let names = name.map_or_else(|| vec![USUAL_NAME, OTHER_NAME], |name| vec![name]);
    for name in &names {
        let path = resolve(tree, name.as_bytes(), true).map_err(classify)?;
        if tree.node(&path).map_err(classify)?.is_none() {
            continue;
        }
        let opened = tree.open(&path).map_err(classify)?;
        let bytes = limited(opened.content, MAXIMUM_FILE_BYTES)
            .map_err(|error| unreadable(name, &error))?;
        return Ok(FoundDockerfile {
            bytes,
            name: (*name).to_owned(),
            path: None,
        });
    }
    let missing = io::Error::from(io::ErrorKind::NotFound);
    Err(unreadable(names.first().unwrap_or(&USUAL_NAME), &missing))
}

fn unreadable(path: &str, error: &io::Error) -> EngineError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    };
    let text = format!("failed to read dockerfile: open {path}: {reason}");
    failure(ErrorKind::NotFound, text)
}

/// One byte more than there may be, so that the reader sees that it is too much.
fn limited(input: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Patterns of `.dockerignore`, each with its line.
#[derive(Debug, Clone, Default)]
pub(super) struct IgnoreFile {
    pub(super) matcher: PatternMatcher,
    pub(super) patterns: Vec<(usize, String)>,
    pub(super) size: u64,
}

/// `NAME.dockerignore` beside the Dockerfile, or else the folder's `.dockerignore`.
pub(super) fn ignore_file(
    folder: &Path,
    dockerfile: Option<&Path>,
) -> Result<IgnoreFile, EngineError> {
    let own = dockerfile.map(|path| {
        let mut own = path.as_os_str().to_owned();
        own.push(IGNORE_FILE);
        PathBuf::from(own)
    });
    for path in own.into_iter().chain([folder.join(IGNORE_FILE)]) {
        let bytes = match File::open(&path) {
            Ok(file) => limited(file, MAXIMUM_IGNORE_FILE_BYTES).map_err(classify)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(broken(&path, &error)),
        };
        let patterns = ignore_patterns(&bytes).map_err(|error| broken(&path, &error))?;
        let texts: Vec<&String> = patterns.iter().map(|(_, text)| text).collect();
        let matcher = PatternMatcher::new(&texts).map_err(|fault| broken(&path, &fault))?;
        return Ok(IgnoreFile {
            matcher,
            size: bytes.len() as u64,
            patterns,
        });
    }
    Ok(IgnoreFile::default())
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> EngineError {
    let text = format!("error reading {}: {error}", path.display());
    failure(ErrorKind::Invalid, text)
}

/// A folder as a context.
pub(super) fn folder_tree(
    folder: &Path,
    modes: Modes,
    ignore: IgnoreFile,
) -> Result<Arc<dyn FileTree>, EngineError> {
    let opened = FolderTree::open(folder, modes, ignore.matcher, ignore.patterns);
    let tree = opened.map_err(|error| {
        let text = format!("unable to prepare context: {error}");
        failure(ErrorKind::NotFound, text)
    })?;
    Ok(Arc::new(tree))
}

/// An archive as a context. What it holds lies in the store meanwhile.
pub(super) fn archive_tree(
    source: impl Read,
    store: &ImageStore,
    limits: &Limits,
) -> Result<Arc<dyn FileTree>, EngineError> {
    let scratch = store.blobs().scratch().map_err(classify)?;
    let archive = read_archive(source, scratch, limits).map_err(|error| {
        let text = format!("failed to read the context's archive: {error}");
        failure(ErrorKind::Invalid, text)
    })?;
    Ok(Arc::new(archive.into_context()))
}
