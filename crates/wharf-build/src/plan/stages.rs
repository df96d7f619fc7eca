//! Stages: which are needed, in which order, and what each begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use wharf_oci::{ImageQuery, Platform, Reference};

use super::dispatch::{Dispatch, StageState};
use super::image::ImageDraft;
use super::request::{BaseImage, BaseNeed, ContextKind, PlanRequest, Planned};
use super::step::{Plan, PlannedStage, StageBase};
use crate::check::scope::{Values, global, predefined};
use crate::check::{Problem, StageReason};
use crate::dockerfile::expand::Lexer;
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, Lines, Stage, Suggestion};

/// What nothing is built upon.
const SCRATCH: &str = "scratch";
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Makes a plan.
///
/// # Errors
/// If the Dockerfile is none, or cannot be built as it is.
pub fn plan(request: PlanRequest<'_>) -> Result<Planned, Problem> {
    let dockerfile = Dockerfile::parse(request.file)?;
    let mut graph = Graph::new(request, &dockerfile)?;
    let target = graph.target()?;
    loop {
        let reachable = graph.reachable(target);
        let needs = graph.needs(&reachable);
        if !needs.is_empty() {
            return Ok(Planned::Needs(needs));
        }
        if !graph.take_triggers(&reachable)? {
            return graph.dispatch(&reachable, target).map(Planned::Ready);
        }
    }
}

/// The stages of a file, and images that are only copied from.
pub(super) struct Graph<'a> {
    pub(super) request: PlanRequest<'a>,
    pub(super) text: String,
    pub(super) lexer: Lexer,
    pub(super) escape: char,
    pub(super) global: Values,
    pub(super) epoch: Option<Timestamp>,
    pub(super) nodes: Vec<StageNode>,
}

/// A stage with what it depends on.
pub(super) struct StageNode {
    pub(super) stage: Stage,
    /// What progress calls it.
    pub(super) shown: String,
    pub(super) base: NodeBase,
    pub(super) platform: Platform,
    pub(super) instructions: Vec<(Instruction, bool)>,
    has_triggers: bool,
    /// An image that is only copied from.
    is_only_source: bool,
}

/// What a stage begins with.
#[derive(Debug, Clone)]
pub(super) enum NodeBase {
    Scratch,
    Stage(usize),
    Image(Reference),
    Context(String),
}

impl<'a> Graph<'a> {
    fn new(request: PlanRequest<'a>, dockerfile: &Dockerfile) -> Result<Self, Problem> {
        let lexer = Lexer::new(dockerfile.escape);
        let last = dockerfile.stages.last();
        let last = last
            .and_then(|stage| stage.name.clone())
            .unwrap_or_default();
        let target = request.target.unwrap_or(&last);
        let (build, wanted) = (request.build_platform, request.target_platform);
        let predefined = predefined(build, wanted, target, request.build_arguments);
        let arguments = &dockerfile.global_arguments;
        let (global, _) = global(predefined, arguments, request.build_arguments, lexer)
            .map_err(|(lines, error)| Problem::at(lines, error))?;
        let given = request.build_arguments.get(EPOCH);
        let given = given.or_else(|| global.0.get(EPOCH));
        let epoch = given.filter(|text| !text.is_empty()).map(|text| {
            let seconds = text.parse().ok();
            let found = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            found.ok_or_else(|| {
                Problem::at(Lines::one(1), StageReason::Epoch { text: text.clone() })
            })
        });
        let mut graph = Self {
            request,
            text: String::from_utf8_lossy(request.file).into_owned(),
            lexer,
            escape: dockerfile.escape,
            epoch: epoch.transpose()?,
            global,
            nodes: Vec::new(),
        };
        for (index, stage) in dockerfile.stages.iter().enumerate() {
            let node = graph.node(index, stage)?;
            graph.nodes.push(node);
        }
        for index in 0..graph.nodes.len() {
            graph.add_sources(index)?;
        }
        Ok(graph)
    }

    fn node(&self, index: usize, stage: &Stage) -> Result<StageNode, Problem> {
        let expand = |text: &str| {
            let expanded = self.lexer.expand(text, &self.global);
            expanded.map_err(|error| Problem::at(stage.lines, error))
        };
        let base = expand(&stage.base)?.text;
        if base.is_empty() {
            let base = stage.base.clone();
            return Err(Problem::at(stage.lines, StageReason::BlankBase { base }));
        }
        let platform = match &stage.platform {
            None => self.request.target_platform.clone(),
            Some(written) => {
                let value = expand(written)?.text;
                value.parse().map_err(|error: wharf_oci::PlatformError| {
                    let reason = StageReason::Platform {
                        written: written.clone(),
                        cause: error.to_string(),
                    };
                    Problem::at(stage.lines, reason)
                })?
            }
        };
        let own = stage.name.as_ref().and_then(|name| self.context(name));
        // A context of its name stands for the whole stage: nothing of it is built.
        let is_replaced = own.is_some();
        let base = match own {
            Some(base) => base,
            None => self.base(&base, stage.lines)?,
        };
        Ok(StageNode {
            shown: stage
                .name
                .clone()
                .unwrap_or_else(|| format!("stage-{index}")),
            platform: match &base {
                NodeBase::Stage(parent) if stage.platform.is_none() => self
                    .nodes
                    .get(*parent)
                    .map_or_else(|| platform.clone(), |node| node.platform.clone()),
                _ => platform,
            },
            base,
            instructions: stage
                .instructions
                .iter()
                .filter(|_| !is_replaced)
                .map(|instruction| (instruction.clone(), false))
                .collect(),
            stage: stage.clone(),
            has_triggers: is_replaced,
            is_only_source: false,
        })
    }

    /// What a name stands for: an earlier stage, a named context, an image.
    fn base(&self, name: &str, lines: Lines) -> Result<NodeBase, Problem> {
        // as it is kept: FROM does not look away from upper case, as --from does
        if let Some(index) = self.stage_named(name)
            && name == name.to_lowercase()
        {
            return Ok(NodeBase::Stage(index));
        }
        if name == SCRATCH {
            return Ok(NodeBase::Scratch);
        }
        if let Some(found) = self.context(name) {
            return Ok(found);
        }
        let reference = reference(name).map_err(|cause| {
            let name = name.to_owned();
            Problem::at(lines, StageReason::BaseName { name, cause })
        })?;
        let familiar = reference.familiar();
        let without_tag = familiar.strip_suffix(":latest").unwrap_or(&familiar);
        for name in [familiar.as_str(), without_tag] {
            if let Some(found) = self.context(name) {
                return Ok(found);
            }
        }
        Ok(NodeBase::Image(reference))
    }

    fn context(&self, name: &str) -> Option<NodeBase> {
        let contexts = self.request.contexts;
        let found = contexts
            .get(name)
            .or_else(|| contexts.get(&name.to_lowercase()))?;
        Some(match found {
            ContextKind::Image(reference) => NodeBase::Image(reference.clone()),
            ContextKind::Files => NodeBase::Context(name.to_owned()),
        })
    }

    fn stage_named(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        let named = |node: &StageNode| node.stage.name.as_ref() == Some(&name);
        self.nodes
            .iter()
            .rposition(|node| named(node) && !node.is_only_source)
    }

    /// The stage that `--from` means, if it is one.
    pub(super) fn source(&self, from: &str) -> Option<usize> {
        if let Ok(index) = from.parse::<usize>() {
            let is_stage = |node: &StageNode| !node.is_only_source;
            return self
                .nodes
                .get(index)
                .filter(|node| is_stage(node))
                .map(|_| index);
        }
        let only = |node: &StageNode| node.is_only_source && node.stage.base == from;
        self.stage_named(from)
            .or_else(|| self.nodes.iter().position(only))
    }

    /// Whether `--from` means files of `--build-context`.
    pub(super) fn named_files(&self, from: &str) -> bool {
        let is_stage = self.stage_named(from).is_some();
        !is_stage && matches!(self.context(from), Some(NodeBase::Context(_)))
    }

    /// Makes images that a stage copies from stages of their own, and checks what it copies from.
    fn add_sources(&mut self, index: usize) -> Result<(), Problem> {
        let stages = self
            .nodes
            .iter()
            .filter(|node| !node.is_only_source)
            .count();
        let instructions = self.nodes.get(index).map(|node| node.instructions.clone());
        for (instruction, _) in instructions.unwrap_or_default() {
            for from in sources(&instruction) {
                let expanded = self.lexer.expand(&from, &());
                let expanded = expanded.map_err(|error| Problem::at(instruction.lines, error))?;
                if expanded.text != from {
                    return Err(Problem::at(instruction.lines, StageReason::VariableInFrom));
                }
                if let Ok(index) = from.parse::<usize>() {
                    if index >= stages {
                        let count = stages;
                        let reason = StageReason::StageIndex { index, count };
                        return Err(Problem::at(instruction.lines, reason));
                    }
                    continue;
                }
                if self.source(&from).is_none() && !self.named_files(&from) {
                    self.add_image(&from, instruction.lines)?;
                }
            }
        }
        Ok(())
    }

    fn add_image(&mut self, name: &str, lines: Lines) -> Result<(), Problem> {
        let base = self.base(name, lines)?;
        self.nodes.push(StageNode {
            stage: Stage {
                keyword: "FROM".to_owned(),
                base: name.to_owned(),
                name: None,
                written_name: None,
                platform: None,
                lines,
                comments: Vec::new(),
                instructions: Vec::new(),
            },
            shown: name.to_owned(),
            base,
            platform: self.request.target_platform.clone(),
            instructions: Vec::new(),
            has_triggers: true,
            is_only_source: true,
        });
        Ok(())
    }

    fn target(&self) -> Result<usize, Problem> {
        let stages = self
            .nodes
            .iter()
            .filter(|node| !node.is_only_source)
            .count();
        let Some(target) = self.request.target else {
            return Ok(stages.saturating_sub(1));
        };
        let by_number = target.parse::<usize>().ok().filter(|index| *index < stages);
        self.stage_named(target).or(by_number).ok_or_else(|| {
            let names = self
                .nodes
                .iter()
                .filter_map(|node| node.stage.name.as_deref());
            Problem::NoTarget {
                target: target.to_owned(),
                suggestion: Suggestion::among(target, names),
            }
        })
    }

    /// The stages that a stage needs, itself included.
    fn reachable(&self, target: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![target];
        while let Some(index) = waiting.pop() {
            let Some(node) = self.nodes.get(index).filter(|_| found.insert(index)) else {
                continue;
            };
            if let NodeBase::Stage(parent) = node.base {
                waiting.push(parent);
            }
            for (instruction, _) in &node.instructions {
                let from = sources(instruction);
                waiting.extend(from.iter().filter_map(|from| self.source(from)));
            }
        }
        found
    }

    fn needs(&self, reachable: &BTreeSet<usize>) -> Vec<BaseNeed> {
        let mut needs: Vec<BaseNeed> = Vec::new();
        for node in reachable.iter().filter_map(|index| self.nodes.get(*index)) {
            let NodeBase::Image(reference) = &node.base else {
                continue;
            };
            let key = (reference.clone(), node.platform.clone());
            let known = self.request.bases.contains_key(&key);
            let asked = |need: &BaseNeed| (&need.reference, &need.platform) == (&key.0, &key.1);
            if !known && !needs.iter().any(asked) {
                needs.push(BaseNeed {
                    reference: key.0,
                    written: node.stage.base.clone(),
                    platform: key.1,
                    lines: node.stage.lines,
                });
            }
        }
        needs
    }

    pub(super) fn base_image(&self, node: &StageNode) -> Option<&Arc<BaseImage>> {
        let NodeBase::Image(reference) = &node.base else {
            return None;
        };
        let key = (reference.clone(), node.platform.clone());
        self.request.bases.get(&key)
    }

    /// Puts triggers of bases before the instructions of stages. Whether they bring new sources.
    fn take_triggers(&mut self, reachable: &BTreeSet<usize>) -> Result<bool, Problem> {
        let mut brings_sources = false;
        for index in reachable {
            let Some(node) = self.nodes.get(*index).filter(|node| !node.has_triggers) else {
                continue;
            };
            let triggers = self.triggers(node);
            let lines = node.stage.lines;
            let mut instructions = Vec::new();
            for trigger in triggers {
                let instruction = parsed_trigger(&trigger, lines)?;
                brings_sources |= !sources(&instruction).is_empty();
                instructions.push((instruction, true));
            }
            if let Some(node) = self.nodes.get_mut(*index) {
                node.has_triggers = true;
                instructions.append(&mut node.instructions);
                node.instructions = instructions;
            }
            self.add_sources(*index)?;
        }
        Ok(brings_sources)
    }

    fn triggers(&self, node: &StageNode) -> Vec<String> {
        if let Some(base) = self.base_image(node) {
            let config = base.config.container_config();
            return config
                .and_then(|config| config.on_build.clone())
                .unwrap_or_default();
        }
        let NodeBase::Stage(parent) = node.base else {
            return Vec::new();
        };
        let parent = self.nodes.get(parent).into_iter();
        let instructions = parent.flat_map(|parent| &parent.instructions);
        instructions
            .filter_map(|(instruction, _)| match &instruction.kind {
                InstructionKind::Onbuild(trigger) => Some(trigger.clone()),
                _ => None,
            })
            .collect()
    }

    /// Goes through the stages in the order of the file.
    fn dispatch(&self, reachable: &BTreeSet<usize>, target: usize) -> Result<Box<Plan>, Problem> {
        let mut states: BTreeMap<usize, StageState> = BTreeMap::new();
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        let mut stages: Vec<PlannedStage> = Vec::new();
        let mut warnings = Vec::new();
        let is_only_one = self.nodes.len() == 1;
        // what is only copied from stands behind the stages of the file, and comes first
        let (sources, own): (Vec<usize>, Vec<usize>) = reachable.iter().partition(|index| {
            self.nodes
                .get(**index)
                .is_some_and(|node| node.is_only_source)
        });
        for index in sources.into_iter().chain(own) {
            let Some(node) = self.nodes.get(index) else {
                continue;
            };
            let (base, state) = self.first_state(node, &states, &places, &mut warnings);
            let mut dispatch = Dispatch::new(self, node, state, &places);
            for (instruction, is_trigger) in &node.instructions {
                dispatch.instruction(instruction, *is_trigger)?;
            }
            let (mut state, steps) = dispatch.finish();
            if index == target && !self.request.labels.is_empty() {
                let labels = state.image.config.labels.get_or_insert_default();
                labels.extend(self.request.labels.clone());
            }
            places.insert(index, stages.len());
            stages.push(PlannedStage {
                shown: if is_only_one {
                    String::new()
                } else {
                    node.shown.clone()
                },
                name: node.stage.name.clone().unwrap_or_else(|| index.to_string()),
                base,
                platform: node.platform.clone(),
                steps,
                image: state.image.clone(),
                lines: node.stage.lines,
            });
            states.insert(index, state);
        }
        Ok(Box::new(Plan {
            stages,
            epoch: self.epoch,
            warnings,
        }))
    }

    fn first_state(
        &self,
        node: &StageNode,
        states: &BTreeMap<usize, StageState>,
        places: &BTreeMap<usize, usize>,
        warnings: &mut Vec<(Lines, String)>,
    ) -> (StageBase, StageState) {
        if let NodeBase::Stage(parent) = node.base
            && let (Some(state), Some(place)) = (states.get(&parent), places.get(&parent))
        {
            return (StageBase::Stage(*place), state.inherited());
        }
        if let Some(base) = self.base_image(node) {
            let mut image = ImageDraft::upon(&base.config);
            let (wanted, found) = (&node.platform, &image.platform);
            if wanted.os != found.os || wanted.architecture != found.architecture {
                let name = node.stage.base.clone();
                warnings.push((
                    node.stage.lines,
                    format!(
                        "Base image {name} was pulled with platform \"{found}\", expected \"{wanted}\" for current build"
                    ),
                ));
            }
            let environment = image.first_environment();
            return (
                StageBase::Image(Arc::clone(base)),
                StageState::new(image, environment),
            );
        }
        let mut image = ImageDraft::scratch(&node.platform);
        let environment = image.first_environment();
        let base = match &node.base {
            NodeBase::Context(name) => StageBase::Context(name.clone()),
            _ => StageBase::Scratch,
        };
        (base, StageState::new(image, environment))
    }
}

/// A name as FROM takes it: a tag or digest, `latest` without.
fn reference(name: &str) -> Result<Reference, String> {
    if let Ok(reference) = name.parse::<Reference>() {
        return Ok(reference.digest_wins().or_latest());
    }
    // an image's ID is no name, but people write it
    match ImageQuery::parse(name) {
        Ok(_) | Err(_) => name.parse::<Reference>().map_err(|error| error.to_string()),
    }
}

/// The stages or images that an instruction takes files from.
fn sources(instruction: &Instruction) -> Vec<String> {
    match &instruction.kind {
        InstructionKind::Copy(copy) => copy.from.iter().cloned().collect(),
        InstructionKind::Run(run) => {
            let mounts = run.mounts(&mut |value| Ok(value.to_owned()));
            let mounts = mounts.unwrap_or_default();
            mounts.into_iter().filter_map(|mount| mount.from).collect()
        }
        _ => Vec::new(),
    }
}

fn parsed_trigger(trigger: &str, lines: Lines) -> Result<Instruction, Problem> {
    let broken = |cause: String| {
        let trigger = trigger.to_owned();
        Problem::at(lines, StageReason::Trigger { trigger, cause })
    };
    let file = format!("FROM {SCRATCH}\n{trigger}\n");
    let parsed = Dockerfile::parse(file.as_bytes());
    let mut parsed = parsed.map_err(|error| broken(error.reason.to_string()))?;
    let mut instructions = parsed
        .stages
        .pop()
        .map(|stage| stage.instructions)
        .unwrap_or_default();
    match (
        instructions.pop(),
        instructions.is_empty(),
        parsed.stages.is_empty(),
    ) {
        (Some(instruction), true, true) => Ok(Instruction {
            lines,
            ..instruction
        }),
        _ => Err(broken("it should be a single expression".to_owned())),
    }
}
