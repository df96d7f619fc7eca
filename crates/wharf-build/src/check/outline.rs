//! `--call=outline` and `--call=targets`: what can be said to a Dockerfile, and what can be built of it.

use super::problem::Problem;
use super::scope::{Values, global, predefined};
use super::whole_file::CheckRequest;
use crate::dockerfile::expand::Lexer;
use crate::dockerfile::{Dockerfile, InstructionKind, Lines, MountKind, Stage, Suggestion};

/// What can be said to a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// The target's name; empty if it has none.
    pub name: String,
    /// The comment above it that begins with its name.
    pub description: String,
    /// Its variables.
    pub arguments: Vec<OutlineArgument>,
    /// The secrets that its programs ask for, and whether they need them.
    pub secrets: Vec<(String, bool)>,
    /// The agents that its programs ask for, and whether they need them.
    pub agents: Vec<(String, bool)>,
    /// The caches that its programs have.
    pub caches: Vec<String>,
}

/// A variable that can be given with `--build-arg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineArgument {
    /// Its name.
    pub name: String,
    /// What it is as things are.
    pub value: String,
    /// The comment above it that begins with its name.
    pub description: String,
    /// Where it stands.
    pub lines: Lines,
}

/// A stage that can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetStage {
    /// Its name; empty if it has none.
    pub name: String,
    /// The comment above it that begins with its name.
    pub description: String,
    /// What it is built upon, as it is written.
    pub base: String,
    /// Its platform, as it is written.
    pub platform: Option<String>,
    /// Whether it is built if nobody says which.
    pub is_default: bool,
    /// Where its FROM stands.
    pub lines: Lines,
}

/// What can be said to the target, and to the stages that it is built upon or copies from.
///
/// # Errors
/// If the file is none, or has no such target.
pub fn outline(request: CheckRequest<'_>) -> Result<Outline, Problem> {
    let dockerfile = Dockerfile::parse(request.file)?;
    let target = target(&dockerfile, request.target)?;
    let lexer = Lexer::new(dockerfile.escape);
    let (build, wanted) = (request.build_platform, request.target_platform);
    let stage = dockerfile.stages.get(target);
    let name = stage
        .and_then(|stage| stage.name.clone())
        .unwrap_or_default();
    let predefined = predefined(build, wanted, &name, request.build_arguments);
    let arguments = &dockerfile.global_arguments;
    let (values, _) = global(predefined, arguments, request.build_arguments, lexer)
        .map_err(|(lines, error)| Problem::at(lines, error))?;
    let mut outline = Outline {
        description: stage.map_or_else(String::new, |stage| described(&stage.comments, &name)),
        name,
        ..Outline::default()
    };
    for instruction in arguments {
        for argument in &instruction.arguments {
            let value = values.0.get(&argument.name).cloned();
            let comments = &instruction.comments;
            outline.argument(&argument.name, value, comments, instruction.lines);
        }
    }
    for index in needed(&dockerfile, target) {
        if let Some(stage) = dockerfile.stages.get(index) {
            outline.stage(stage, &values, &request, lexer)?;
        }
    }
    Ok(outline)
}

/// The stages that can be built.
///
/// # Errors
/// If the file is none.
pub fn targets(file: &[u8]) -> Result<Vec<TargetStage>, Problem> {
    let dockerfile = Dockerfile::parse(file)?;
    let last = dockerfile.stages.len().saturating_sub(1);
    let stages = dockerfile.stages.iter().enumerate();
    Ok(stages
        .map(|(index, stage)| {
            let name = stage.name.clone().unwrap_or_default();
            TargetStage {
                description: described(&stage.comments, &name),
                name,
                base: stage.base.clone(),
                platform: stage.platform.clone(),
                is_default: index == last,
                lines: stage.lines,
            }
        })
        .collect())
}

impl Outline {
    fn stage(
        &mut self,
        stage: &Stage,
        global: &Values,
        request: &CheckRequest<'_>,
        lexer: Lexer,
    ) -> Result<(), Problem> {
        let mut own = Values::default();
        for instruction in &stage.instructions {
            match &instruction.kind {
                InstructionKind::Arg(arguments) => {
                    for argument in arguments {
                        let given = request.build_arguments.get(&argument.name).cloned();
                        let value = match (given, &argument.default) {
                            (Some(given), _) => Some(given),
                            (None, Some(default)) => {
                                let expanded = lexer.expand(default, &own);
                                let failed = |error| Problem::at(instruction.lines, error);
                                Some(expanded.map_err(failed)?.text)
                            }
                            (None, None) => global.0.get(&argument.name).cloned(),
                        };
                        if let Some(value) = &value {
                            own.0.insert(argument.name.clone(), value.clone());
                        }
                        let comments = &instruction.comments;
                        self.argument(&argument.name, value, comments, instruction.lines);
                    }
                }
                InstructionKind::Run(run) => {
                    let mounts = run.mounts(&mut |text| Ok(lexer.expand(text, &own)?.text));
                    for mount in mounts.unwrap_or_default() {
                        let id = mount.id.or_else(|| base_name(mount.target.as_deref()));
                        let id = id.unwrap_or_else(|| "default".to_owned());
                        match mount.kind {
                            MountKind::Secret => add(&mut self.secrets, id, mount.required),
                            MountKind::Ssh => add(&mut self.agents, id, mount.required),
                            MountKind::Cache if !self.caches.contains(&id) => self.caches.push(id),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn argument(&mut self, name: &str, value: Option<String>, comments: &[String], lines: Lines) {
        let description = described(comments, name);
        if let Some(known) = self.arguments.iter_mut().find(|known| known.name == name) {
            if known.value.is_empty() {
                known.value = value.unwrap_or_default();
            }
            if known.description.is_empty() {
                known.description = description;
            }
            return;
        }
        self.arguments.push(OutlineArgument {
            name: name.to_owned(),
            value: value.unwrap_or_default(),
            description,
            lines,
        });
    }
}

fn add(list: &mut Vec<(String, bool)>, id: String, required: bool) {
    match list.iter_mut().find(|(known, _)| *known == id) {
        Some((_, known)) => *known |= required,
        None => list.push((id, required)),
    }
}

fn base_name(path: Option<&str>) -> Option<String> {
    path?.rsplit('/').next().map(str::to_owned)
}

/// What a comment `NAME text` says.
fn described(comments: &[String], name: &str) -> String {
    let text = comments.iter().find_map(|comment| {
        let rest = comment.trim().strip_prefix(name)?;
        rest.strip_prefix(' ').filter(|_| !name.is_empty())
    });
    text.unwrap_or_default().trim().to_owned()
}

fn target(dockerfile: &Dockerfile, wanted: Option<&str>) -> Result<usize, Problem> {
    let Some(wanted) = wanted else {
        return Ok(dockerfile.stages.len().saturating_sub(1));
    };
    let by_number = wanted.parse().ok();
    let by_number = by_number.filter(|index: &usize| *index < dockerfile.stages.len());
    stage_named(dockerfile, wanted)
        .or(by_number)
        .ok_or_else(|| {
            let names = dockerfile
                .stages
                .iter()
                .filter_map(|stage| stage.name.as_deref());
            Problem::NoTarget {
                target: wanted.to_owned(),
                suggestion: Suggestion::among(wanted, names),
            }
        })
}

fn stage_named(dockerfile: &Dockerfile, name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let named = |stage: &Stage| stage.name.as_ref() == Some(&name);
    dockerfile.stages.iter().rposition(named)
}

/// The stages that the target needs, in the order of the file.
fn needed(dockerfile: &Dockerfile, target: usize) -> Vec<usize> {
    let mut found = std::collections::BTreeSet::new();
    let mut waiting = vec![target];
    while let Some(index) = waiting.pop() {
        let Some(stage) = dockerfile.stages.get(index).filter(|_| found.insert(index)) else {
            continue;
        };
        waiting.extend(stage_named(dockerfile, &stage.base).filter(|base| *base < index));
        for instruction in &stage.instructions {
            if let InstructionKind::Copy(copy) = &instruction.kind
                && let Some(from) = &copy.from
            {
                let by_number = from.parse().ok();
                waiting.extend(stage_named(dockerfile, from).or(by_number));
            }
        }
    }
    found.into_iter().collect()
}
