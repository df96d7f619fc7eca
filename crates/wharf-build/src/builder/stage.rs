//! A stage: its steps, one after the other.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use wharf_images::{BuildEntry, ImageStore, Lease, NewBuildEntry};
use wharf_layers::Limits;
use wharf_oci::{ChainId, DiffId, Digest, ImageConfig};

use super::cancellation::Cancellation;
use super::digests::Digests;
use super::error::{BuildError, StepError};
use super::event::{BuildEvents, Running};
use super::key::KeyFields;
use super::layer::{Blocks, LayerTarget, Times, write_layer};
use super::remote::RemoteSources;
use super::run::StepRunner;
use super::stages::Stages;
use crate::copy::{
    Destination, Filters, LayerEntries, Owner, Placement, place, place_directory, resolve_owner,
    select,
};
use crate::plan::{Action, ImageDraft, LayerRef, Plan, PlannedStage, PlannedStep, StageBase};
use crate::tree::{FileTree, KnownLayers, LayerListing, LayersTree, Node, NodeKind};

/// How many entries a step is compared with to say what changed.
const COMPARED: u32 = 20;

/// How a build is done.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Do every step anew.
    pub no_cache: bool,
    /// Do the steps of these stages anew.
    pub no_cache_stages: Vec<String>,
    /// Keep the times of files, and give new things the present one.
    pub preserve_times: bool,
    /// How many threads compress.
    pub threads: usize,
    /// What an archive may cost.
    pub limits: Limits,
    /// Say why steps are done.
    pub explain: bool,
}

/// What is built, and with what.
#[derive(Debug, Clone, Copy)]
pub struct BuildInput<'a> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// Where layers go.
    pub store: &'a ImageStore,
    /// Keeps them while nothing else does.
    pub lease: &'a Lease,
    /// The context, if there is one.
    pub context: Option<&'a Arc<dyn FileTree>>,
    /// Files of `--build-context`, by name.
    pub named: &'a HashMap<String, Arc<dyn FileTree>>,
    /// Gets what ADD takes from elsewhere.
    pub remote: &'a dyn RemoteSources,
    /// Runs programs.
    pub runner: &'a dyn StepRunner,
    /// How it is done.
    pub options: &'a BuildOptions,
    /// Who is told.
    pub events: &'a BuildEvents,
    /// Gives it up.
    pub cancellation: &'a Cancellation,
}

impl<'a> BuildInput<'a> {
    /// How its layers are written, and where to.
    pub(super) fn target(&self) -> LayerTarget<'a> {
        LayerTarget {
            threads: self.options.threads,
            store: self.store,
            lease: self.lease,
            cancellation: self.cancellation,
            blocks: Blocks::Forgotten,
        }
    }
}

impl std::fmt::Debug for dyn RemoteSources + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteSources")
    }
}

impl std::fmt::Debug for dyn StepRunner + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StepRunner")
    }
}

/// A layer of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltLayer {
    /// The layer, and its archive.
    pub layer: LayerRef,
    /// Whether this build has it from a base image.
    pub is_base: bool,
}

/// What a stage came to.
#[derive(Debug, Clone)]
pub struct BuiltStage {
    /// Its layers, from the base up.
    pub layers: Vec<BuiltLayer>,
    /// The config of its image.
    pub config: ImageConfig,
    /// What the config is made of, besides layers and times.
    pub image: ImageDraft,
    /// The time of everything new in it.
    pub times: Times,
}

fn has_base_step(stage: &PlannedStage) -> bool {
    matches!(stage.base, StageBase::Image(_))
}

/// How many things of it are shown.
pub(super) fn numbered(stage: &PlannedStage) -> usize {
    stage.steps.len() + usize::from(has_base_step(stage))
}

/// `[stage 2/3] COPY a b`.
fn shown(stage: &PlannedStage, number: usize, total: usize, title: &str) -> String {
    let width = total.to_string().len();
    let name = match stage.shown.as_str() {
        "" => String::new(),
        name => format!("{name} "),
    };
    format!("[{name}{number:width$}/{total}] {title}")
}

/// A stage as far as it is done.
#[derive(Debug)]
pub(super) struct StageWork {
    pub(super) layers: Vec<BuiltLayer>,
    pub(super) times: Times,
    /// What it holds, once somebody looks.
    tree: OnceLock<Arc<dyn FileTree>>,
    /// What was seen of its layers by those who put others upon them.
    known: KnownLayers,
}

impl StageWork {
    /// Does a stage, whose first step has the number `first`.
    pub(super) fn of(
        input: &BuildInput<'_>,
        stages: &Stages<'_>,
        index: usize,
        stage: &PlannedStage,
        first: usize,
    ) -> Result<Self, BuildError> {
        let canceled = || StepError::Canceled.at(stage.lines);
        if input.cancellation.is_canceled() {
            return Err(canceled());
        }
        let mut work = Self::begin(input, stages, index, stage, first)?;
        let mut digests = Digests::new(input.store);
        let total = numbered(stage);
        let before = usize::from(has_base_step(stage));
        for (position, step) in stage.steps.iter().enumerate() {
            if input.cancellation.is_canceled() {
                return Err(canceled());
            }
            // Nothing begins before what it needs is there.
            for needed in step.action.stages() {
                let waited = stages.get(index, needed);
                waited.map_err(|error| error.at(step.lines))?;
            }
            let number = position + before;
            let name = shown(stage, number + 1, total, &step.title);
            let running = input.events.start_as(first + number, name);
            let mut stepping = Stepping {
                input,
                work: &mut work,
                stages,
                index,
                digests: &mut digests,
                stage,
                step,
            };
            match stepping.step(&running) {
                Ok(true) => running.cached(),
                Ok(false) => running.done(),
                // what fails now may fail for that
                Err(_) if input.cancellation.is_canceled() => {
                    running.canceled();
                    return Err(canceled());
                }
                Err(error) => {
                    running.failed(&error);
                    return Err(error.at(step.lines));
                }
            }
        }
        work.known = KnownLayers::default();
        let saved = digests.save();
        saved.map_err(|error| StepError::from(error).at(stage.lines))?;
        Ok(work)
    }

    /// The stage as the result of the build.
    pub(super) fn finished(self, stage: &PlannedStage) -> Result<BuiltStage, BuildError> {
        let created = self.times.of_build().to_string();
        let config = stage.image.document(&created, &self.diff_ids());
        Ok(BuiltStage {
            config: config.map_err(|error| StepError::from(error).at(stage.lines))?,
            image: stage.image.clone(),
            layers: self.layers,
            times: self.times,
        })
    }

    fn begin(
        input: &BuildInput<'_>,
        stages: &Stages<'_>,
        index: usize,
        stage: &PlannedStage,
        first: usize,
    ) -> Result<Self, BuildError> {
        let mut layers = Vec::new();
        match &stage.base {
            StageBase::Stage(parent) => {
                let parent = stages.get(index, *parent);
                let parent = parent.map_err(|error| error.at(stage.lines))?;
                layers.clone_from(&parent.layers);
            }
            // files become a layer below
            StageBase::Scratch | StageBase::Context(_) => {}
            StageBase::Image(base) => {
                let title = format!("FROM {}", base.shown);
                let title = shown(stage, 1, numbered(stage), &title);
                let running = input.events.start_as(first, title);
                layers.extend(base.layers.iter().map(|layer| BuiltLayer {
                    layer: layer.clone(),
                    is_base: true,
                }));
                running.cached();
            }
        }
        let now = || input.store.clock().now();
        let seconds = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
        let times = match (input.options.preserve_times, input.plan.epoch) {
            (true, epoch) => Times::Preserved(epoch.unwrap_or_else(now)),
            (false, Some(epoch)) => Times::Instant(epoch),
            (false, None) => Times::Instant(seconds(stage.image.base_created.unwrap_or_default())),
        };
        let mut work = Self {
            layers,
            times,
            tree: OnceLock::new(),
            known: KnownLayers::default(),
        };
        if let StageBase::Context(name) = &stage.base {
            let made = work.layer_of_files(input, name);
            made.map_err(|error| error.at(stage.lines))?;
        }
        Ok(work)
    }

    /// Files of `--build-context` as the base of a stage: one layer.
    fn layer_of_files(&mut self, input: &BuildInput<'_>, name: &str) -> Result<(), StepError> {
        let tree = input.named.get(name).ok_or(StepError::NoContext)?;
        let mut destination = Destination::new(None);
        let placement = Placement {
            destination: "/",
            owner: None,
            mode: None,
        };
        for selected in select(tree, "/", Filters::default())? {
            place(&mut destination, &selected, placement)?;
        }
        let entries = destination.into_entries()?;
        let mut digests = Digests::new(input.store);
        let written = write_layer(&entries, self.times, input.target(), &mut digests)?;
        input
            .store
            .remember_layer_blob(&written.layer.blob, written.layer.diff_id)?;
        self.push(written.layer);
        Ok(())
    }

    pub(super) fn diff_ids(&self) -> Vec<DiffId> {
        self.layers
            .iter()
            .map(|built| built.layer.diff_id)
            .collect()
    }

    /// What tells this state from all others.
    pub(super) fn chain(&self) -> String {
        let chains = ChainId::of_layers(&self.diff_ids());
        chains
            .last()
            .map_or_else(|| "scratch".to_owned(), ToString::to_string)
    }

    /// What is where in the stage: for what is put upon it.
    pub(super) fn places(&mut self, store: &ImageStore) -> Result<LayersTree, StepError> {
        let diff_ids = self.diff_ids();
        Ok(LayersTree::of_places(store, &diff_ids, &mut self.known)?)
    }

    /// What the stage holds.
    pub(super) fn tree(&self, store: &ImageStore) -> Result<Arc<dyn FileTree>, StepError> {
        if let Some(tree) = self.tree.get() {
            return Ok(Arc::clone(tree));
        }
        let tree: Arc<dyn FileTree> = Arc::new(LayersTree::open(store, &self.diff_ids())?);
        Ok(Arc::clone(self.tree.get_or_init(|| tree)))
    }

    fn push(&mut self, layer: LayerRef) {
        self.layers.push(BuiltLayer {
            layer,
            is_base: false,
        });
        self.tree = OnceLock::new();
    }
}

/// What a layer of these entries holds; no archive can hold a socket.
fn listed(entries: &LayerEntries, times: Times) -> LayerListing {
    let mut listing = LayerListing::default();
    let written = entries
        .iter()
        .filter(|(_, entry)| entry.node.kind != NodeKind::Socket);
    for (path, entry) in written {
        let node = Node {
            modified: times.of(&entry.node),
            identity: None,
            ..entry.node.clone()
        };
        listing.put(path, node);
    }
    listing
}

/// One step at work.
pub(super) struct Stepping<'a, 'b> {
    pub(super) input: &'a BuildInput<'a>,
    pub(super) work: &'a mut StageWork,
    pub(super) stages: &'a Stages<'a>,
    /// Which one of them.
    pub(super) index: usize,
    pub(super) digests: &'a mut Digests<'b>,
    pub(super) stage: &'a PlannedStage,
    pub(super) step: &'a PlannedStep,
}

impl Stepping<'_, '_> {
    /// Does the step; whether it was known what it comes to.
    fn step(&mut self, running: &Running<'_>) -> Result<bool, StepError> {
        match &self.step.action {
            Action::Copy(action) => self.copy(action, running),
            Action::Workdir { path, user } => self.workdir(path, user, running),
            Action::Run(action) => self.run(action, running),
        }
    }

    fn workdir(
        &mut self,
        path: &str,
        user: &str,
        running: &Running<'_>,
    ) -> Result<bool, StepError> {
        let mut fields = self.fields("WORKDIR", None);
        fields.push("path", path);
        fields.push("user", user);
        if self.find(&fields.digest(), &[], running)? {
            return Ok(true);
        }
        self.explain(&fields.digest(), &fields, running)?;
        let tree = self.work.places(self.input.store)?;
        let owner = if user.is_empty() {
            Owner::default()
        } else {
            let (owner, unknown) = resolve_owner(user, &tree)?;
            self.warn_of_unknown(&unknown, "USER");
            owner
        };
        let mut destination = Destination::new(Some(&tree));
        place_directory(&mut destination, path, owner)?;
        let entries = destination.into_entries()?;
        self.keep(&entries, &fields, &fields, &[])?;
        Ok(false)
    }

    pub(super) fn warn_of_unknown(&self, unknown: &[String], instruction: &str) {
        for name in unknown {
            let line = self.step.lines.first;
            self.input.events.tell(super::event::BuildEvent::Warning(format!(
                "line {line}: {instruction} names {name:?}, which the stage's /etc/passwd and /etc/group do not have: root is taken"
            )));
        }
    }

    /// What every key begins with: the step, what it stands on, and the times that it writes.
    pub(super) fn fields(&self, kind: &str, parent: Option<&str>) -> KeyFields {
        let mut fields = KeyFields::default();
        fields.push("instruction", kind);
        let chain = self.work.chain();
        fields.push("parent", parent.unwrap_or(&chain));
        let times = match self.work.times {
            Times::Instant(time) => time.to_string(),
            Times::Preserved(_) => "preserved".to_owned(),
        };
        fields.push("times", times);
        fields
    }

    pub(super) fn uses_cache(&self) -> bool {
        let options = self.input.options;
        let name = &self.stage.name;
        let is_named = |other: &String| other.eq_ignore_ascii_case(name);
        !options.no_cache && !options.no_cache_stages.iter().any(is_named)
    }

    /// Takes the layer that a key names, if there is one; `more` are keys that shall name it from now on, too.
    pub(super) fn find(
        &mut self,
        key: &Digest,
        more: &[Digest],
        running: &Running<'_>,
    ) -> Result<bool, StepError> {
        if !self.uses_cache() {
            return Ok(false);
        }
        let store = self.input.store;
        let found = match store.build_entry(key)? {
            None => self.imported(key)?,
            found => found,
        };
        let Some(found) = found else {
            return Ok(false);
        };
        self.input
            .lease
            .protect(&[found.blob.digest, *found.diff_id.digest()])?;
        // between the look and the lease it may have been removed
        if store.build_entry(key)?.is_none() {
            return Ok(false);
        }
        store.use_build_entries(&[(found.id, more.to_vec())])?;
        self.input.events.used_entry(*key);
        if self.input.options.explain {
            running.explain(format!(
                "hit: made {}, used {} times",
                found.created,
                found.uses + 1
            ));
        }
        self.work.push(LayerRef {
            diff_id: found.diff_id,
            blob: found.blob,
        });
        Ok(true)
    }

    /// What an imported cache has under the key. One that cannot be used is as good as none.
    fn imported(&self, key: &Digest) -> Result<Option<BuildEntry>, StepError> {
        let store = self.input.store;
        match self.input.remote.imported(key) {
            Ok(None) => Ok(None),
            Ok(Some(entry)) => {
                store.put_build_entry(&entry)?;
                Ok(store.build_entry(key)?)
            }
            Err(error) => {
                let line = self.step.lines.first;
                self.input
                    .events
                    .tell(super::event::BuildEvent::Warning(format!(
                        "line {line}: the imported cache is not used: {error}"
                    )));
                Ok(None)
            }
        }
    }

    /// Says what is different from an earlier time, if that is wanted.
    pub(super) fn explain(
        &self,
        shape: &Digest,
        fields: &KeyFields,
        running: &Running<'_>,
    ) -> Result<(), StepError> {
        if !self.input.options.explain {
            return Ok(());
        }
        if !self.uses_cache() {
            running.explain("miss: the cache is not used");
            return Ok(());
        }
        let store = self.input.store;
        let mut known = store.build_entries_of_shape(shape, COMPARED)?;
        known.extend(store.build_entries_described(&self.step.created_by, COMPARED)?);
        let mut nearest: Option<Vec<String>> = None;
        for entry in &known {
            let before = store.build_fields(entry)?.unwrap_or_default();
            let found = fields.differences(&before).into_iter().chain(nearest);
            nearest = found.min_by_key(Vec::len);
        }
        running.explain(match nearest {
            None => "miss: this step was not done before".to_owned(),
            Some(differences) if differences.is_empty() => {
                "miss: something changed of which nothing is remembered, since there is so much of it".to_owned()
            }
            Some(differences) => {
                let shown: Vec<&str> = differences.iter().take(10).map(String::as_str).collect();
                let more = differences.len().saturating_sub(shown.len());
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                format!("miss: {}{more}", shown.join(", "))
            }
        });
        Ok(())
    }

    /// Writes the step's layer and remembers it by its key, and by `more`, which mean nothing elsewhere.
    pub(super) fn keep(
        &mut self,
        entries: &LayerEntries,
        shape: &KeyFields,
        fields: &KeyFields,
        more: &[Digest],
    ) -> Result<(), StepError> {
        let written = self.write(entries, None)?;
        self.remember(&written.0, written.1, shape, fields, more, 1)
    }

    /// Writes the step's layer, which may be much the same as the archive `similar`; with the sum of its files' sizes.
    pub(super) fn write(
        &mut self,
        entries: &LayerEntries,
        similar: Option<Digest>,
    ) -> Result<(LayerRef, u64), StepError> {
        let input = self.input;
        let target = LayerTarget {
            blocks: Blocks::Remembered { similar },
            ..input.target()
        };
        let times = self.work.times;
        let written = write_layer(entries, times, target, self.digests)?;
        // Nothing is put upon the last one.
        if !self.is_last() {
            let listing = listed(entries, times);
            self.work.known.put(written.layer.diff_id, listing);
        }
        Ok((written.layer, written.size))
    }

    fn is_last(&self) -> bool {
        let last = self.stage.steps.last();
        last.is_some_and(|last| std::ptr::eq(last, self.step))
    }

    /// Remembers a layer by its key and by `more`; the first `portable` of them mean the same on other machines.
    pub(super) fn remember(
        &mut self,
        layer: &LayerRef,
        size: u64,
        shape: &KeyFields,
        fields: &KeyFields,
        more: &[Digest],
        portable: usize,
    ) -> Result<(), StepError> {
        let mut keys = vec![fields.digest()];
        self.input.events.used_entry(fields.digest());
        self.input.events.made_entry();
        keys.extend_from_slice(more);
        self.input.store.put_build_entry(&NewBuildEntry {
            keys,
            portable,
            shape: shape.digest(),
            diff_id: layer.diff_id,
            blob: layer.blob.clone(),
            size,
            description: self.step.created_by.clone(),
            fields: fields.encoded().to_vec(),
        })?;
        self.work.push(layer.clone());
        Ok(())
    }
}
