//! The stages that the target needs, in order: their variables, and the rules that speak of instructions.

use std::collections::{BTreeMap, BTreeSet};

use wharf_oci::Reference;

use crate::dockerfile::expand::{ExpandError, Expanded, Lexer};
use crate::dockerfile::{
    Argument, CommandLine, CopyFlags, Instruction, InstructionKind, Lines, Pair, Paths, Run,
    Suggestion,
};

use crate::ignore::clean_path;

use super::circles::circular_stage;
use super::options::CheckOptions;
use super::ports::Port;
use super::problem::{Problem, StageReason};
use super::report::CheckReport;
use super::rule::Rule;
use super::scope::Values;
use super::signal::is_signal;
use super::whole_file::Checked;

/// Variables that are no part of the environment.
const OUTSIDE: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What is known of a stage behind its last instruction.
#[derive(Debug, Clone, Default)]
struct StageState {
    environment: Values,
    /// ARGs, set or not.
    declared: BTreeSet<String>,
    /// Whether nothing of an image is in the environment.
    is_known: bool,
    has_workdir: bool,
    has_shell: bool,
    cmd: Option<Lines>,
    entrypoint: Option<Lines>,
}

pub(super) fn walk_stages(
    checked: &Checked<'_>,
    bases: &[String],
    report: &mut CheckReport,
) -> Result<(), Problem> {
    let wanted = wanted_stages(checked, bases)?;
    check_circles(checked)?;
    check_base_names(checked, bases)?;
    let mut states: Vec<StageState> = Vec::new();
    for (index, stage) in checked.dockerfile.stages.iter().enumerate() {
        let base = bases.get(index).map(String::as_str).unwrap_or_default();
        let mut state = first_state(checked, base, &states);
        if wanted.contains(&index) {
            let mut walk = Walk {
                checked,
                index,
                options: checked.options.clone(),
                lines: stage.lines,
                state: &mut state,
                report,
            };
            for instruction in &stage.instructions {
                walk.options = checked.options.with_comments(&instruction.comments);
                walk.lines = instruction.lines;
                walk.instruction(instruction)?;
            }
        }
        states.push(state);
    }
    Ok(())
}

/// The stages that are checked: all, or those that the target needs.
fn wanted_stages(checked: &Checked<'_>, bases: &[String]) -> Result<BTreeSet<usize>, Problem> {
    let stages = &checked.dockerfile.stages;
    let Some(target) = checked.request.target else {
        return Ok((0..stages.len()).collect());
    };
    let by_number = target
        .parse::<usize>()
        .ok()
        .filter(|index| *index < stages.len());
    let Some(target) = find_stage(checked, target, stages.len()).or(by_number) else {
        let names = stages.iter().filter_map(|stage| stage.name.as_deref());
        return Err(Problem::NoTarget {
            target: target.to_owned(),
            suggestion: Suggestion::among(target, names),
        });
    };
    let mut wanted = BTreeSet::new();
    let mut waiting = vec![target];
    while let Some(index) = waiting.pop() {
        if !wanted.insert(index) {
            continue;
        }
        waiting.extend(
            bases
                .get(index)
                .and_then(|base| find_stage(checked, base, index)),
        );
        let instructions = stages.get(index).map(|stage| stage.instructions.as_slice());
        for instruction in instructions.unwrap_or_default() {
            waiting.extend(sources_of(instruction).iter().filter_map(|from| {
                let number = from.parse().ok().filter(|number| *number < stages.len());
                find_stage(checked, from, stages.len()).or(number)
            }));
        }
    }
    Ok(wanted)
}

/// What is no stage must be the name of an image.
fn check_base_names(checked: &Checked<'_>, bases: &[String]) -> Result<(), Problem> {
    let mut known: BTreeSet<&str> = BTreeSet::from(["scratch"]);
    for (stage, base) in checked.dockerfile.stages.iter().zip(bases) {
        if !known.contains(base.as_str())
            && let Err(error) = base.parse::<Reference>()
        {
            let reason = StageReason::BaseName {
                name: base.clone(),
                cause: error.to_string(),
            };
            return Err(Problem::at(stage.lines, reason));
        }
        known.extend(stage.name.as_deref());
    }
    Ok(())
}

fn check_circles(checked: &Checked<'_>) -> Result<(), Problem> {
    let stages = &checked.dockerfile.stages;
    let sources: Vec<Vec<usize>> = stages
        .iter()
        .map(|stage| {
            let from = stage.instructions.iter().flat_map(sources_of);
            from.filter_map(|from| {
                let number = from.parse().ok().filter(|number| *number < stages.len());
                find_stage(checked, &from, stages.len()).or(number)
            })
            .collect()
        })
        .collect();
    let found = circular_stage(&sources).and_then(|index| Some((index, stages.get(index)?)));
    let Some((index, stage)) = found else {
        return Ok(());
    };
    let name = stage.name.clone();
    let reason = StageReason::Circular {
        stage: name.unwrap_or_else(|| format!("stage-{index}")),
    };
    let takes = |instruction: &&Instruction| !sources_of(instruction).is_empty();
    let place = stage.instructions.iter().find(takes);
    Err(Problem::at(
        place.map_or(stage.lines, |found| found.lines),
        reason,
    ))
}

/// The stages or images that an instruction takes files from.
fn sources_of(instruction: &Instruction) -> Vec<String> {
    match &instruction.kind {
        InstructionKind::Copy(copy) => copy.from.iter().cloned().collect(),
        InstructionKind::Run(run) => run
            .mounts(&mut |value| Ok(value.to_owned()))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|mount| mount.from)
            .collect(),
        _ => Vec::new(),
    }
}

/// The last stage of that name before `end`.
fn find_stage(checked: &Checked<'_>, name: &str, end: usize) -> Option<usize> {
    let name = name.to_lowercase();
    let stages = checked.dockerfile.stages.iter().take(end);
    stages
        .enumerate()
        .rfind(|(_, stage)| stage.name.as_ref() == Some(&name))
        .map(|(index, _)| index)
}

fn first_state(checked: &Checked<'_>, base: &str, states: &[StageState]) -> StageState {
    let parent = find_stage(checked, base, states.len()).and_then(|index| states.get(index));
    if let Some(parent) = parent {
        return StageState {
            cmd: None,
            entrypoint: None,
            ..parent.clone()
        };
    }
    // every image has a PATH, or gets one
    let path = (
        "PATH".to_owned(),
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
    );
    StageState {
        environment: Values(BTreeMap::from([path])),
        is_known: base == "scratch",
        ..StageState::default()
    }
}

/// A walk through one stage.
struct Walk<'a> {
    checked: &'a Checked<'a>,
    index: usize,
    options: CheckOptions,
    lines: Lines,
    state: &'a mut StageState,
    report: &'a mut CheckReport,
}

impl Walk<'_> {
    fn instruction(&mut self, instruction: &Instruction) -> Result<(), Problem> {
        let keyword = instruction.keyword.as_str();
        match &instruction.kind {
            InstructionKind::Add(add) => {
                self.copy_flags(&add.flags)?;
                self.expand_some(add.checksum.as_ref())?;
                self.paths(&add.paths)?;
                self.ignored("Add", &add.paths)?;
            }
            InstructionKind::Arg(arguments) => self.arguments(arguments)?,
            InstructionKind::Cmd(command) => {
                let earlier = self.state.cmd.replace(self.lines);
                self.last_one_counts(keyword, earlier);
                self.json_is_better(keyword, command);
            }
            InstructionKind::Copy(copy) => {
                self.copy_source(copy.from.as_deref())?;
                self.copy_flags(&copy.flags)?;
                self.paths(&copy.paths)?;
                if copy.from.is_none() {
                    self.ignored("Copy", &copy.paths)?;
                }
            }
            InstructionKind::Entrypoint(command) => {
                let earlier = self.state.entrypoint.replace(self.lines);
                self.last_one_counts(keyword, earlier);
                self.json_is_better(keyword, command);
            }
            InstructionKind::Env(pairs) => self.environment(keyword, pairs)?,
            InstructionKind::Expose(ports) => self.expose(ports)?,
            InstructionKind::Label(pairs) => {
                self.pairs(pairs)?;
                self.legacy_pairs(keyword, pairs);
            }
            InstructionKind::Run(run) => self.run(run)?,
            InstructionKind::Shell(_) => self.state.has_shell = true,
            InstructionKind::StopSignal(text) => {
                let signal = self.expand(text)?.text;
                // what an image may bring is not known here
                if !is_signal(&signal) && (self.state.is_known || !text.contains('$')) {
                    return Err(self.problem(StageReason::Signal { signal }));
                }
            }
            InstructionKind::User(text) => drop(self.expand(text)?),
            InstructionKind::Volume(volumes) => {
                for volume in volumes {
                    self.expand(volume)?;
                }
            }
            InstructionKind::Workdir(path) => self.workdir(path)?,
            InstructionKind::Healthcheck(_)
            | InstructionKind::Maintainer(_)
            | InstructionKind::Onbuild(_) => {}
        }
        Ok(())
    }

    fn add(&mut self, rule: Rule, detail: String) {
        self.report.add(&self.options, rule, self.lines, detail);
    }

    fn problem(&self, reason: impl Into<StageReason>) -> Problem {
        Problem::at(self.lines, reason)
    }

    /// A text with its variables, of which those are told that nobody defines.
    fn expand(&mut self, text: &str) -> Result<Expanded, Problem> {
        self.expand_with(self.checked.lexer, text)
            .map_err(|error| self.problem(error))
    }

    fn expand_some(&mut self, text: Option<&String>) -> Result<(), Problem> {
        match text {
            Some(text) => self.expand(text).map(drop),
            None => Ok(()),
        }
    }

    fn expand_with(&mut self, lexer: Lexer, text: &str) -> Result<Expanded, ExpandError> {
        let result = lexer.expand(text, &self.state.environment);
        if let Ok(expanded) = &result
            && self.state.is_known
        {
            for name in expanded.unmatched.difference(&self.state.declared) {
                if OUTSIDE.contains(&name.as_str()) {
                    continue;
                }
                let names = self.state.environment.0.keys().map(String::as_str);
                let meant = Suggestion::among(name, names);
                let meant = meant
                    .word()
                    .map_or_else(String::new, |word| format!(" (did you mean ${word}?)"));
                let detail = format!("Usage of undefined variable '${name}'{meant}");
                self.report
                    .add(&self.options, Rule::UndefinedVar, self.lines, detail);
            }
        }
        result
    }

    fn pairs(&mut self, pairs: &[Pair]) -> Result<Vec<(String, String)>, Problem> {
        pairs
            .iter()
            .map(|pair| {
                Ok((
                    self.expand(&pair.name)?.text,
                    self.expand(&pair.value)?.text,
                ))
            })
            .collect()
    }

    fn legacy_pairs(&mut self, keyword: &str, pairs: &[Pair]) {
        for _pair in pairs.iter().filter(|pair| pair.is_legacy) {
            let keyword = keyword.to_uppercase();
            let detail = format!(
                "\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"
            );
            self.add(Rule::LegacyKeyValueFormat, detail);
        }
    }

    fn environment(&mut self, keyword: &str, pairs: &[Pair]) -> Result<(), Problem> {
        // each value sees what was there before the instruction
        let values = self.pairs(pairs)?;
        self.legacy_pairs(keyword, pairs);
        for (name, value) in values {
            self.no_secret("ENV", &name);
            self.state.environment.0.insert(name, value);
        }
        Ok(())
    }

    fn arguments(&mut self, arguments: &[Argument]) -> Result<(), Problem> {
        for Argument { name, default } in arguments {
            self.no_secret("ARG", name);
            let given = self.checked.request.build_arguments.get(name);
            let value = match (given, default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(self.expand(default)?.text),
                (None, None) => self.checked.global.0.get(name).cloned(),
            };
            if let Some(value) = value.filter(|_| !OUTSIDE.contains(&name.as_str())) {
                self.state.environment.0.insert(name.clone(), value);
            }
            self.state.declared.insert(name.clone());
        }
        Ok(())
    }

    fn no_secret(&mut self, instruction: &str, name: &str) {
        const SECRET: [&str; 10] = [
            "apikey",
            "auth",
            "credential",
            "credentials",
            "key",
            "password",
            "pword",
            "passwd",
            "secret",
            "token",
        ];
        const HARMLESS: [&str; 3] = ["public", "file", "version"];

        let lower = name.to_lowercase();
        let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
        if has(&SECRET) && !has(&HARMLESS) {
            let detail = format!(
                "Do not use ARG or ENV instructions for sensitive data ({instruction} {name:?})"
            );
            self.add(Rule::SecretsUsedInArgOrEnv, detail);
        }
    }

    fn last_one_counts(&mut self, keyword: &str, earlier: Option<Lines>) {
        if let Some(lines) = earlier {
            let detail = format!(
                "Multiple {keyword} instructions should not be used in the same stage because only the last one will be used"
            );
            self.report.add(
                &self.options,
                Rule::MultipleInstructionsDisallowed,
                lines,
                detail,
            );
        }
    }

    fn json_is_better(&mut self, keyword: &str, command: &CommandLine) {
        if matches!(command, CommandLine::Shell { .. }) && !self.state.has_shell {
            let detail = format!(
                "JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals"
            );
            self.add(Rule::JsonArgsRecommended, detail);
        }
    }

    fn workdir(&mut self, path: &str) -> Result<(), Problem> {
        let path = self.expand(path)?.text;
        if !self.state.has_workdir && !path.starts_with('/') {
            let detail = format!(
                "Relative workdir {path:?} can have unexpected results if the base image changes"
            );
            self.add(Rule::WorkdirRelativePath, detail);
        }
        self.state.has_workdir = true;
        Ok(())
    }

    fn expose(&mut self, written: &[String]) -> Result<(), Problem> {
        let mut written = written.to_vec();
        written.sort();
        for words in written {
            // EXPOSE alone takes words apart behind substitution, and tells of no variable
            let expanded = self.checked.lexer.expand(&words, &self.state.environment);
            for text in expanded.map_err(|error| self.problem(error))?.words {
                let port = Port::parse(&text).map_err(|reason| self.problem(reason))?;
                if port.protocol != port.protocol.to_lowercase() {
                    let detail = format!(
                        "Defined protocol '{text}' in EXPOSE instruction should be lowercase"
                    );
                    self.add(Rule::ExposeProtoCasing, detail);
                }
                if port.is_mapping {
                    let detail = format!(
                        "EXPOSE instruction should not define an IP address or host-port mapping, found '{text}'"
                    );
                    self.add(Rule::ExposeInvalidFormat, detail);
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, run: &Run) -> Result<(), Problem> {
        let lexer = self.checked.lexer;
        let mounts =
            run.mounts(&mut |value| self.expand_with(lexer, value).map(|expanded| expanded.text));
        mounts.map(drop).map_err(|reason| self.problem(reason))
    }

    fn copy_flags(&mut self, flags: &CopyFlags) -> Result<(), Problem> {
        self.expand_some(flags.owner.as_ref())?;
        self.expand_some(flags.mode.as_ref())
    }

    fn paths(&mut self, paths: &Paths) -> Result<(), Problem> {
        for path in paths.sources.iter().chain([&paths.destination]) {
            self.expand(path)?;
        }
        let lexer = Lexer {
            ignore_quotes: true,
            ..Lexer::new('\\')
        };
        for heredoc in paths.heredocs.iter().filter(|heredoc| heredoc.expands) {
            self.expand_with(lexer, &heredoc.content())
                .map_err(|error| self.problem(error))?;
        }
        Ok(())
    }

    /// Tells of sources that `.dockerignore` takes out of the context. If something is taken back in, nobody can know.
    fn ignored(&mut self, keyword: &str, paths: &Paths) -> Result<(), Problem> {
        let Some(matcher) = self
            .checked
            .request
            .ignore
            .filter(|found| !found.takes_back())
        else {
            return Ok(());
        };
        for written in &paths.sources {
            // what is undefined in it was told already
            let expanded = self.checked.lexer.expand(written, &self.state.environment);
            let source = expanded.map_err(|error| self.problem(error))?.text;
            if source.contains("://") || source.starts_with("git@") {
                continue;
            }
            let clean = clean_path(&source);
            let is_root = matches!(clean.as_str(), "." | "/");
            let is_ignored = if is_root {
                matcher.ignores_everything()
            } else {
                matcher.matches(&clean)
            };
            if is_ignored {
                let detail = format!(
                    "Attempting to {keyword} file {clean:?} that is excluded by .dockerignore"
                );
                self.add(Rule::CopyIgnoredFile, detail);
            }
        }
        Ok(())
    }

    fn copy_source(&self, from: Option<&str>) -> Result<(), Problem> {
        let Some(from) = from else {
            return Ok(());
        };
        let stages = &self.checked.dockerfile.stages;
        let expanded = self.checked.lexer.expand(from, &());
        if expanded.map_err(|error| self.problem(error))?.text != from {
            return Err(self.problem(StageReason::VariableInFrom));
        }
        let source = match from.parse::<usize>() {
            Ok(index) if index >= stages.len() => {
                let count = stages.len();
                return Err(self.problem(StageReason::StageIndex { index, count }));
            }
            Ok(index) => Some(index),
            Err(_name) => find_stage(self.checked, from, stages.len()),
        };
        let name = stages.get(self.index).and_then(|stage| stage.name.clone());
        let stage = name.unwrap_or_else(|| format!("stage-{}", self.index));
        match source {
            Some(source) if source == self.index => {
                Err(self.problem(StageReason::Circular { stage }))
            }
            Some(source) if source > self.index => Err(self.problem(StageReason::LaterStage {
                from: from.to_owned(),
                stage,
            })),
            _ => Ok(()),
        }
    }
}
