//! `--call=outline` and `--call=targets`: what can be said to a Dockerfile, and what can be built of it.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::Problem;
use super::scope::{Values, global, predefined};
use super::whole_file::{CheckRequest, check};
use crate::dockerfile::expand::Lexer;
use crate::dockerfile::{
    Dockerfile, Instruction, InstructionKind, Lines, MountKind, Stage, Suggestion,
};

/// What can be said to a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// The target's name; empty if it has none.
    pub name: String,
    /// The comment above it that begins with its name.
    pub description: String,
    /// Its variables.
    pub arguments: Vec<OutlineArgument>,
    /// The secrets that its programs ask for.
    pub secrets: Vec<OutlineNeed>,
    /// The agents that its programs ask for.
    pub agents: Vec<OutlineNeed>,
}

/// Something that programs ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineNeed {
    /// What it is called.
    pub name: String,
    /// Whether they fail without it.
    pub required: bool,
    /// Where it is asked for first.
    pub lines: Lines,
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

/// What can be said to the target, and to the stages that it is built upon or copies from: of the global variables those that they
/// use.
///
/// # Errors
/// If it cannot be built, or findings shall be errors and there are some.
pub fn outline(request: CheckRequest<'_>) -> Result<Outline, Problem> {
    let dockerfile = Dockerfile::parse(request.file)?;
    let target = target(&dockerfile, request.target)?;
    let report = check(request);
    if let Some(problem) = report.problem {
        return Err(problem);
    }
    let lexer = Lexer::new(dockerfile.escape);
    let (build, wanted) = (request.build_platform, request.target_platform);
    let stage = dockerfile.stages.get(target);
    let name = stage
        .and_then(|stage| stage.name.clone())
        .unwrap_or_default();
    let predefined = predefined(build, wanted, &name, request.build_arguments);
    let global = GlobalScope::of(&dockerfile, predefined, request, lexer)?;
    let mut outline = Outline {
        description: stage.map_or_else(String::new, |stage| described(&stage.comments, &name)),
        name,
        ..Outline::default()
    };
    for index in needed(&dockerfile, target) {
        if let Some(stage) = dockerfile.stages.get(index) {
            outline.stage(stage, &global)?;
        }
    }
    outline.arguments.sort_by_key(|one| one.lines.first);
    outline.secrets.sort_by_key(|one| one.lines.first);
    outline.agents.sort_by_key(|one| one.lines.first);
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

/// What is before the first stage.
struct GlobalScope<'a> {
    request: CheckRequest<'a>,
    lexer: Lexer,
    values: Values,
    /// Each variable, with those that its default uses.
    arguments: BTreeMap<String, (OutlineArgument, BTreeSet<String>)>,
}

impl<'a> GlobalScope<'a> {
    fn of(
        dockerfile: &Dockerfile,
        predefined: Values,
        request: CheckRequest<'a>,
        lexer: Lexer,
    ) -> Result<Self, Problem> {
        let instructions = &dockerfile.global_arguments;
        let (values, _) = global(predefined, instructions, request.build_arguments, lexer)
            .map_err(|(lines, error)| Problem::at(lines, error))?;
        let mut arguments = BTreeMap::new();
        for instruction in instructions {
            for argument in &instruction.arguments {
                let default = argument.default.as_deref().unwrap_or_default();
                let used = lexer.expand(default, &values).map(|found| found.matched);
                let described = OutlineArgument {
                    name: argument.name.clone(),
                    value: values.0.get(&argument.name).cloned().unwrap_or_default(),
                    description: described(&instruction.comments, &argument.name),
                    lines: instruction.lines,
                };
                arguments.insert(argument.name.clone(), (described, used.unwrap_or_default()));
            }
        }
        Ok(Self {
            request,
            lexer,
            values,
            arguments,
        })
    }

    /// The variables in a text, and those that their defaults use.
    fn used_in(&self, text: &str) -> BTreeSet<String> {
        let found = self.lexer.expand(text, &self.values);
        let mut used = BTreeSet::new();
        let mut waiting: Vec<String> = found
            .map(|found| found.matched)
            .into_iter()
            .flatten()
            .collect();
        while let Some(name) = waiting.pop() {
            if let Some((_, more)) = self.arguments.get(&name)
                && used.insert(name)
            {
                waiting.extend(more.iter().cloned());
            }
        }
        used
    }
}

impl Outline {
    fn stage(&mut self, stage: &Stage, global: &GlobalScope<'_>) -> Result<(), Problem> {
        for text in [Some(&stage.base), stage.platform.as_ref()]
            .into_iter()
            .flatten()
        {
            for name in global.used_in(text) {
                if let Some((argument, _)) = global.arguments.get(&name) {
                    self.argument(argument.clone());
                }
            }
        }
        let lexer = global.lexer;
        let mut own = Values::default();
        for instruction in &stage.instructions {
            match &instruction.kind {
                InstructionKind::Arg(arguments) => {
                    for argument in arguments {
                        let given = global.request.build_arguments.get(&argument.name).cloned();
                        let value = match (given, &argument.default) {
                            (Some(given), _) => Some(given),
                            (None, Some(default)) => {
                                let expanded = lexer.expand(default, &own);
                                let failed = |error| Problem::at(instruction.lines, error);
                                Some(expanded.map_err(failed)?.text)
                            }
                            (None, None) => {
                                self.inherited(&argument.name, instruction, global, &mut own);
                                continue;
                            }
                        };
                        if let Some(value) = &value {
                            own.0.insert(argument.name.clone(), value.clone());
                        }
                        self.argument(OutlineArgument {
                            description: described(&instruction.comments, &argument.name),
                            name: argument.name.clone(),
                            value: value.unwrap_or_default(),
                            lines: instruction.lines,
                        });
                    }
                }
                InstructionKind::Run(run) => {
                    let mounts = run.mounts(&mut |text| Ok(lexer.expand(text, &own)?.text));
                    for mount in mounts.unwrap_or_default() {
                        let name = mount.id.or_else(|| base_name(mount.target.as_deref()));
                        let need = OutlineNeed {
                            name: name.unwrap_or_else(|| "default".to_owned()),
                            required: mount.required,
                            lines: instruction.lines,
                        };
                        match mount.kind {
                            MountKind::Secret => add(&mut self.secrets, need),
                            MountKind::Ssh => add(&mut self.agents, need),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// `ARG NAME`: what was said of it before the first stage; nothing of what every build has (`TARGETARCH`).
    fn inherited(
        &mut self,
        name: &str,
        instruction: &Instruction,
        global: &GlobalScope<'_>,
        own: &mut Values,
    ) {
        let value = global.values.0.get(name);
        if let Some(value) = value {
            own.0.insert(name.to_owned(), value.clone());
        }
        for name in global.used_in(&format!("${{{name}}}")) {
            if let Some((argument, _)) = global.arguments.get(&name) {
                self.argument(argument.clone());
            }
        }
        if value.is_none() {
            self.argument(OutlineArgument {
                name: name.to_owned(),
                value: String::new(),
                description: described(&instruction.comments, name),
                lines: instruction.lines,
            });
        }
    }

    fn argument(&mut self, argument: OutlineArgument) {
        if self
            .arguments
            .iter()
            .all(|known| known.name != argument.name)
        {
            self.arguments.push(argument);
        }
    }
}

fn add(list: &mut Vec<OutlineNeed>, need: OutlineNeed) {
    if list.iter().all(|known| known.name != need.name) {
        list.push(need);
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

/// The stages that the target needs: itself, what it is built upon, what it copies from.
fn needed(dockerfile: &Dockerfile, target: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut waiting = std::collections::VecDeque::from([target]);
    while let Some(index) = waiting.pop_front() {
        let Some(stage) = dockerfile.stages.get(index) else {
            continue;
        };
        if found.contains(&index) {
            continue;
        }
        found.push(index);
        if let Some(base) = stage_named(dockerfile, &stage.base).filter(|base| *base < index) {
            waiting.push_front(base);
        }
        for instruction in &stage.instructions {
            if let InstructionKind::Copy(copy) = &instruction.kind
                && let Some(from) = &copy.from
            {
                let by_number = from.parse().ok();
                waiting.extend(stage_named(dockerfile, from).or(by_number));
            }
        }
    }
    found
}
