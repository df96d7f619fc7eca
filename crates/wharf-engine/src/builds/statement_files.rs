//! What is said of a result whose files are exported: statements about each of them, as files beside them (`BuildKit`, local and tar
//! exporters).

use std::io::{self, Read as _};

use serde_json::{Value, json};
use wharf_build::tree::NodeKind;
use wharf_build::tree::{FileTree, LayersTree, Lookup, MemoryTree, Node, Opened, TreeError, join};
use wharf_oci::{Algorithm, Digest, Hasher};
use wharf_scanner::SPDX_PREDICATE;

use super::assemble::{Predicates, statement};
use super::provenance::ProvenanceOptions;
use crate::error::{EngineError, classify};

/// `BuildKit`'s names.
const CONTENTS: &str = "sbom.spdx.json";
const PROVENANCE: &str = "provenance.json";
const BUFFER_BYTES: usize = 256 << 10;

/// How the files are called that hold statements.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementNames<'a> {
    /// Stands in front of each name.
    pub(super) prefix: &'a str,
    /// The platform, where files of several come to lie in one folder.
    pub(super) platform: Option<&'a str>,
    /// What was asked for.
    pub(super) provenance: Option<&'a ProvenanceOptions>,
}

impl StatementNames<'_> {
    /// What the file with a predicate of this type is called; `None` if it is to be none.
    fn of(&self, kind: &str) -> Option<String> {
        let name = match (kind, self.provenance) {
            (SPDX_PREDICATE, _) => CONTENTS,
            (_, Some(options)) if options.inline_only => return None,
            (_, Some(options)) => options.file_name.as_deref().unwrap_or(PROVENANCE),
            (_, None) => PROVENANCE,
        };
        // Only a name, wherever it was said to lie.
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = format!("{}{name}", self.prefix);
        Some(match (self.platform, name.rsplit_once('.')) {
            (None, _) => name,
            (Some(platform), Some((stem, ending))) => format!("{stem}.{platform}.{ending}"),
            (Some(platform), None) => format!("{name}.{platform}"),
        })
    }
}

/// A result's files, and in its root what is said of them.
#[derive(Debug)]
pub(super) struct AttestedFiles {
    files: LayersTree,
    statements: MemoryTree,
}

impl AttestedFiles {
    /// Adds what is said of `files`.
    pub(super) fn new(
        files: LayersTree,
        said: &Predicates,
        names: StatementNames<'_>,
        modified: jiff::Timestamp,
    ) -> Result<Self, EngineError> {
        let mut statements = MemoryTree::default();
        let named = said
            .iter()
            .filter_map(|(kind, said)| Some((kind, said, names.of(kind)?)));
        let named: Vec<_> = named.collect();
        let mut subjects = Vec::new();
        if !named.is_empty() {
            subjects_below(&files, b"", &mut subjects)?;
        }
        let subjects = Value::Array(subjects);
        for (kind, predicate, name) in named {
            let whole = statement(kind, predicate, &subjects);
            let bytes = serde_json::to_vec_pretty(&whole)
                .map_err(|error| classify(io::Error::from(error)))?;
            let mut node = Node::file(0o600, bytes.len() as u64, None);
            node.modified = wharf_layers::Timestamp {
                seconds: modified.as_second(),
                nanoseconds: 0,
            };
            statements.put_bytes(name.as_bytes(), node, bytes.into());
        }
        Ok(Self { files, statements })
    }
}

/// Each file with what it holds, in the order of their names.
fn subjects_below(
    files: &LayersTree,
    folder: &[u8],
    subjects: &mut Vec<Value>,
) -> Result<(), EngineError> {
    for (name, node) in files.children(folder).map_err(classify)? {
        let path = join(folder, &name);
        match node.kind {
            NodeKind::Directory => subjects_below(files, &path, subjects)?,
            NodeKind::File => {
                let digest = digest_of(files.open(&path).map_err(classify)?).map_err(classify)?;
                let name = String::from_utf8_lossy(&path);
                subjects.push(json!({"name": name, "digest": {"sha256": digest.hex()}}));
            }
            _ => {}
        }
    }
    Ok(())
}

fn digest_of(mut opened: Opened) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = opened.content.read(&mut buffer)?;
        if length == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..length).unwrap_or_default());
    }
}

impl Lookup for AttestedFiles {
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        match self.statements.node(path)? {
            Some(node) if !path.is_empty() => Ok(Some(node)),
            _ => self.files.node(path),
        }
    }
}

impl FileTree for AttestedFiles {
    fn children(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Node)>, TreeError> {
        let mut all = self.files.children(path)?;
        if path.is_empty() {
            let said = self.statements.children(path)?;
            // One of the same name is replaced, as BuildKit does.
            all.retain(|(name, _)| said.iter().all(|(other, _)| other != name));
            all.extend(said);
            all.sort_by(|one, other| one.0.cmp(&other.0));
        }
        Ok(all)
    }

    fn open(&self, path: &[u8]) -> Result<Opened, TreeError> {
        if !path.is_empty() && self.statements.node(path)?.is_some() {
            return self.statements.open(path);
        }
        self.files.open(path)
    }
}
