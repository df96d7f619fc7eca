//! RUN: the seam to what makes processes, and the layer of what they changed.

use std::any::Any;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use wharf_layers::{Entry, EntryKind, TreeKind, archive_tree, for_each_entry};
use wharf_oci::{DiffId, Digest};

use super::cancellation::Cancellation;
use super::copy_step::{Part, content_fields};
use super::error::StepError;
use super::event::Running;
use super::key::KeyFields;
use super::layer::{WrittenLayer, write_tar};
use super::stage::Stepping;
use crate::copy::{Filters, Selected, select};
use crate::dockerfile::{Mount, MountKind, Network};
use crate::plan::{CopyFrom, RunAction};
use crate::tree::{FileTree, NodeKind};

/// Proxies change neither what a step comes to nor its key.
const PROXIES: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Runs a program in a stage.
pub trait StepRunner: Send + Sync {
    /// Runs it, passing on each line that it prints.
    ///
    /// # Errors
    /// If it cannot be run, or fails.
    fn run(
        &self,
        request: RunRequest<'_>,
        output: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<RunChanges, RunError>;
}

/// What is run, and on what.
#[derive(Debug, Clone, Copy)]
pub struct RunRequest<'a> {
    /// The instruction.
    pub action: &'a RunAction,
    /// The stage's layers, from the base up; all are in the store and under a lease.
    pub layers: &'a [DiffId],
    /// What its mounts show, in their order: of each `bind`, and of each `cache` that begins with something.
    pub sources: &'a [MountedFiles],
    /// The line of the instruction.
    pub line: usize,
    /// When the build is given up, the program is ended.
    pub cancellation: &'a Cancellation,
}

/// Files that a mount shows, or begins with.
#[derive(Debug, Clone)]
pub struct MountedFiles {
    /// The files.
    pub selected: Selected,
    /// For a cache: what tells these files from others.
    pub identity: Option<Digest>,
}

/// What a program changed.
#[derive(Debug)]
pub struct RunChanges {
    /// The folder with what overlayfs wrote.
    pub folder: PathBuf,
    /// Whose marks it has.
    pub kind: TreeKind,
    /// Places where something was mounted, without a slash in front: what was made for that is no change.
    pub mount_points: Vec<Vec<u8>>,
    /// Keeps the folder until it is dropped.
    pub guard: Box<dyn Any + Send>,
}

/// A program cannot be run, or failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It ended with another code than 0. The text is `BuildKit`'s.
    #[error("process {command:?} did not complete successfully: exit code: {code}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// The code.
        code: i32,
    },
    /// It could not be started.
    #[error("process {command:?} did not complete successfully: {reason}")]
    NotStarted {
        /// The program and its arguments.
        command: String,
        /// Why.
        reason: String,
    },
    /// Something that this program cannot do, or was not given: a secret, an agent.
    #[error("{0}")]
    NotThere(String),
    /// The build was given up meanwhile.
    #[error("canceled")]
    Canceled,
    /// A folder for it could not be made or read.
    #[error("cannot prepare the step: {0}")]
    Io(#[from] io::Error),
}

impl Stepping<'_, '_> {
    /// Runs the program, unless it is known what comes of it.
    pub(super) fn run(
        &mut self,
        action: &RunAction,
        running: &Running<'_>,
    ) -> Result<bool, StepError> {
        let mut fields = self.run_fields(action);
        let parts = self.bound(action)?;
        if !parts.is_empty() {
            fields = content_fields(&fields, &parts, self.work.times, self.digests)?;
        }
        let key = fields.digest();
        let _alone = loop {
            if self.find(&key, &[], running)? {
                return Ok(true);
            }
            if !self.uses_cache() {
                break None;
            }
            if let Some(claim) = self.stages.claim(self.index, key)? {
                break Some(claim);
            }
        };
        self.explain(&key, &fields, running)?;
        let input = self.input;
        let below = self.work.places(input.store)?;
        let diff_ids = self.work.diff_ids();
        let sources = self.mounted(action, parts)?;
        let request = RunRequest {
            action,
            layers: &diff_ids,
            sources: &sources,
            line: self.step.lines.first,
            cancellation: input.cancellation,
        };
        let changes = match input.runner.run(request, &|bytes| running.output(bytes)) {
            Err(RunError::Canceled) => return Err(StepError::Canceled),
            changes => changes?,
        };
        let written = self.write_changes(&changes, &below)?;
        input
            .store
            .remember_layer_blob(&written.layer.blob, written.layer.diff_id)?;
        self.remember(&written.layer, written.size, &fields, &fields, &[], 1)?;
        Ok(false)
    }

    /// What is mounted of these parts, each with what tells it from others if a cache begins with it.
    fn mounted(
        &mut self,
        action: &RunAction,
        parts: Vec<Part>,
    ) -> Result<Vec<MountedFiles>, StepError> {
        let mounts = action.mounts.iter().filter(|mount| has_source(mount));
        let mut mounted = Vec::new();
        for (mount, part) in mounts.zip(parts) {
            let mut identity = None;
            let part = [part];
            if mount.kind == MountKind::Cache {
                let none = KeyFields::default();
                let fields = content_fields(&none, &part, self.work.times, self.digests)?;
                identity = Some(fields.digest());
            }
            mounted.extend(part.map(|part| MountedFiles {
                selected: part.selected,
                identity,
            }));
        }
        Ok(mounted)
    }

    /// What its mounts show, or begin with: of the context, of a stage, of an image, of a named context.
    fn bound(&self, action: &RunAction) -> Result<Vec<Part>, StepError> {
        let mut parts = Vec::new();
        for mount in &action.mounts {
            if !has_source(mount) {
                continue;
            }
            let from = match &mount.from {
                None => CopyFrom::Context,
                Some(name) => {
                    let stage = action.sources.iter().find(|(known, _)| known == name);
                    stage.map_or_else(
                        || CopyFrom::Named(name.clone()),
                        |(_, index)| CopyFrom::Stage(*index),
                    )
                }
            };
            let tree = self.source_tree(&from)?;
            let source = mount.source.as_deref().unwrap_or("/");
            let selected = select(&tree, source, Filters::default())?;
            let one = selected.into_iter().next().ok_or(StepError::NoContext)?;
            parts.push(Part {
                selected: one,
                unpacks: false,
            });
        }
        Ok(parts)
    }

    fn run_fields(&self, action: &RunAction) -> KeyFields {
        let mut fields = self.fields("RUN", None);
        for argument in &action.arguments {
            fields.push("argument", argument);
        }
        if let Some(script) = &action.script {
            fields.push("script", &script.content);
        }
        for (name, value) in &action.environment {
            if !PROXIES.contains(&name.as_str()) {
                fields.push(format!("environment {name}"), value);
            }
        }
        fields.push("user", &action.user);
        fields.push("folder", &action.folder);
        for mount in &action.mounts {
            fields.push("mount", format!("{mount:?}"));
        }
        let network = match action.run.network {
            Network::Default => "default",
            Network::None => "none",
            Network::Host => "host",
        };
        fields.push("network", network);
        fields.push("security", format!("{:?}", action.run.security));
        fields
    }

    fn write_changes(
        &self,
        changes: &RunChanges,
        below: &dyn FileTree,
    ) -> Result<WrittenLayer, StepError> {
        let failed = |source| StepError::io("cannot read what the step changed", source);
        let folder = File::open(&changes.folder).map_err(failed)?;
        let left_out = left_out(&folder, changes, below).map_err(failed)?;
        let wanted = |path: &[u8]| !left_out.contains(path);
        let times = self.work.times;
        let change = |entry: &mut Entry| entry.modified = times.of_change(entry.modified);
        write_tar(self.input.target(), |tar| {
            let mut size = 0;
            for_each_entry(&folder, changes.kind, &wanted, &mut |found| {
                size += found.entry.size_bytes;
                Ok(())
            })
            .and_then(|()| archive_tree(&folder, changes.kind, &wanted, &change, tar))
            .map_err(failed)?;
            Ok(size)
        })
    }
}

/// Whether files of somewhere are in the mount.
fn has_source(mount: &Mount) -> bool {
    match mount.kind {
        MountKind::Bind => true,
        MountKind::Cache => mount.from.is_some(),
        MountKind::Tmpfs | MountKind::Secret | MountKind::Ssh => false,
    }
}

/// Places that are no changes: what was made to mount something there, and folders that are as they were below and hold no change.
fn left_out(
    folder: &File,
    changes: &RunChanges,
    below: &dyn FileTree,
) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut kept: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut folders: Vec<(Vec<u8>, bool)> = Vec::new();
    let mut stubs = BTreeSet::new();
    for_each_entry(folder, changes.kind, &|_| true, &mut |found| {
        let entry = &found.entry;
        let path = entry
            .name
            .strip_suffix(b"/")
            .unwrap_or(&entry.name)
            .to_vec();
        let known = below.node(&path).map_err(io::Error::other)?;
        let is_mount_point = changes.mount_points.contains(&path);
        let is_empty = entry.kind == EntryKind::Directory || entry.size_bytes == 0;
        if is_mount_point && is_empty && found.removal.is_none() && known.is_none() {
            stubs.insert(path.clone());
            if entry.kind != EntryKind::Directory {
                return Ok(());
            }
        }
        if entry.kind == EntryKind::Directory {
            let same = known.as_ref().is_some_and(|node| {
                node.kind == NodeKind::Directory
                    && (node.mode, node.user, node.group)
                        == (entry.mode, entry.user_id, entry.group_id)
            });
            // What leads to a stub was made for it.
            let leads = known.is_none()
                && changes.mount_points.iter().any(|point| {
                    point.len() > path.len()
                        && point.starts_with(&path)
                        && point.get(path.len()) == Some(&b'/')
                });
            folders.push((path.clone(), same || leads || stubs.contains(&path)));
        } else {
            kept.insert(path);
        }
        Ok(())
    })?;
    let mut left_out = stubs.clone();
    // The deepest first: a folder stays if anything in it stays.
    for (path, unchanged) in folders.into_iter().rev() {
        let mut prefix = path.clone();
        prefix.push(b'/');
        let holds = kept
            .range(prefix.clone()..)
            .next()
            .is_some_and(|next| next.starts_with(&prefix));
        if holds || !unchanged {
            left_out.remove(&path);
            kept.insert(path);
        } else {
            left_out.insert(path);
        }
    }
    Ok(left_out)
}
