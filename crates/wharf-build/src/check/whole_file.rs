//! The checks of one file: what concerns it as a whole, then its stages.

use std::collections::{BTreeMap, BTreeSet};

use wharf_oci::{Platform, Reference};

use crate::dockerfile::expand::Lexer;
use crate::dockerfile::{Dockerfile, DockerfileError, InstructionKind, Lines, Stage, Suggestion};
use crate::ignore::PatternMatcher;

use super::options::CheckOptions;
use super::platform_rules::check_platform;
use super::problem::{Problem, StageReason};
use super::report::CheckReport;
use super::rule::Rule;
use super::scope::{Values, global, predefined};
use super::stages::walk_stages;

/// The option among the build arguments that takes the place of `# check=`.
const OPTIONS_ARGUMENT: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// What is checked, and for which build.
#[derive(Debug, Clone, Copy)]
pub struct CheckRequest<'a> {
    /// The bytes of the Dockerfile.
    pub file: &'a [u8],
    /// `--build-arg`.
    pub build_arguments: &'a BTreeMap<String, String>,
    /// `--target`; with none every stage is checked.
    pub target: Option<&'a str>,
    /// The patterns of `.dockerignore`, if there is one and the context is a folder.
    pub ignore: Option<&'a PatternMatcher>,
    /// Where it would be built.
    pub build_platform: &'a Platform,
    /// For what it would be built.
    pub target_platform: &'a Platform,
}

/// A file under check.
pub(super) struct Checked<'a> {
    pub(super) request: CheckRequest<'a>,
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) options: CheckOptions,
    pub(super) lexer: Lexer,
    /// The global scope.
    pub(super) global: Values,
}

/// Checks a file. What was found up to a problem is in the report, too.
pub fn check(request: CheckRequest<'_>) -> CheckReport {
    let mut report = CheckReport::default();
    if let Err(problem) = check_into(request, &mut report) {
        report.problem = Some(problem);
    }
    report.findings.sort_by_key(|finding| finding.lines.first);
    if report.problem.is_none() {
        report.problem = report.violated();
    }
    report
}

fn check_into(request: CheckRequest<'_>, report: &mut CheckReport) -> Result<(), Problem> {
    let dockerfile = Dockerfile::parse(request.file)?;
    let options = options(&request, &dockerfile)?;
    report.fails = options.fail;
    for line in &dockerfile.empty_continuations {
        let detail = "Empty continuation line".to_owned();
        report.add(
            &options,
            Rule::NoEmptyContinuation,
            Lines::one(*line),
            detail,
        );
    }
    for stage in &dockerfile.stages {
        check_from_words(stage, &options, report);
        check_maintainer(stage, &options, report);
    }
    check_descriptions(&dockerfile, &options, report);
    check_stage_names(&dockerfile.stages, &options, report);
    check_casing(&dockerfile.stages, &options, report);

    let lexer = Lexer::new(dockerfile.escape);
    let target = request.target.map(str::to_lowercase);
    let last = dockerfile
        .stages
        .last()
        .and_then(|stage| stage.name.clone());
    let stage = target.or(last).unwrap_or_default();
    let build_arguments = request.build_arguments;
    let predefined = predefined(
        request.build_platform,
        request.target_platform,
        &stage,
        build_arguments,
    );
    let arguments = &dockerfile.global_arguments;
    // the defaults alone must give a name, too
    if let Ok((defaults, _)) = global(predefined.clone(), arguments, &BTreeMap::new(), lexer) {
        check_default_bases(&dockerfile.stages, lexer, &defaults, &options, report);
    }
    let (values, mut declared) = global(predefined, arguments, build_arguments, lexer)
        .map_err(|(lines, error)| Problem::at(lines, error))?;
    declared.extend(values.0.keys().cloned());
    let checked = Checked {
        request,
        dockerfile: &dockerfile,
        options,
        lexer,
        global: values,
    };
    let bases = checked.bases(&declared, report)?;
    walk_stages(&checked, &bases, report)
}

fn options(
    request: &CheckRequest<'_>,
    dockerfile: &Dockerfile,
) -> Result<CheckOptions, DockerfileError> {
    let directive = dockerfile.directives.check.as_ref();
    let written = directive.and_then(|directive| directive.value.split(' ').next());
    let given = request.build_arguments.get(OPTIONS_ARGUMENT);
    let text = given.map(String::as_str).or(written).unwrap_or_default();
    CheckOptions::parse(text).map_err(|reason| DockerfileError {
        lines: directive.map(|directive| Lines::one(directive.line)),
        reason,
    })
}

/// `FROM a AS Name`, `FROM a as name`.
fn check_from_words(stage: &Stage, options: &CheckOptions, report: &mut CheckReport) {
    let options = options.with_comments(&stage.comments);
    let Some((word, name)) = &stage.written_name else {
        return;
    };
    if *name != name.to_lowercase() {
        let detail = format!("Stage name '{name}' should be lowercase");
        report.add(&options, Rule::StageNameCasing, stage.lines, detail);
    }
    let keyword = &stage.keyword;
    let differs = if *keyword == keyword.to_lowercase() {
        *word != word.to_lowercase()
    } else {
        *keyword == keyword.to_uppercase() && *word != word.to_uppercase()
    };
    if differs {
        let detail = format!("'{word}' and '{keyword}' keywords' casing do not match");
        report.add(&options, Rule::FromAsCasing, stage.lines, detail);
    }
}

/// `MAINTAINER me`, in whichever stage.
fn check_maintainer(stage: &Stage, options: &CheckOptions, report: &mut CheckReport) {
    for instruction in &stage.instructions {
        if let InstructionKind::Maintainer(_) = &instruction.kind {
            let options = options.with_comments(&instruction.comments);
            let detail = "Maintainer instruction is deprecated in favor of using label";
            let lines = instruction.lines;
            report.add(
                &options,
                Rule::MaintainerDeprecated,
                lines,
                detail.to_owned(),
            );
        }
    }
}

/// `# name what it is` above ARG and FROM.
fn check_descriptions(dockerfile: &Dockerfile, options: &CheckOptions, report: &mut CheckReport) {
    let mut check = |instruction: &str, names: &[&str], comments: &[String], lines: Lines| {
        let described = comments
            .last()
            .and_then(|comment| comment.split(' ').next());
        if names.is_empty() || described.is_none_or(|word| names.contains(&word)) {
            return;
        }
        let example = match names {
            [name] => *name,
            _ => "<arg_key>",
        };
        let detail = format!(
            "Comment for {instruction} should follow the format: `# {example} <description>`"
        );
        let options = options.with_comments(comments);
        report.add(&options, Rule::InvalidDefinitionDescription, lines, detail);
    };
    for global in &dockerfile.global_arguments {
        let names: Vec<&str> = global
            .arguments
            .iter()
            .map(|argument| argument.name.as_str())
            .collect();
        check("ARG", &names, &global.comments, global.lines);
    }
    for stage in &dockerfile.stages {
        let name: Vec<&str> = stage.name.as_deref().into_iter().collect();
        check("FROM", &name, &stage.comments, stage.lines);
        for instruction in &stage.instructions {
            if let InstructionKind::Arg(arguments) = &instruction.kind {
                let names: Vec<&str> = arguments
                    .iter()
                    .map(|argument| argument.name.as_str())
                    .collect();
                check("ARG", &names, &instruction.comments, instruction.lines);
            }
        }
    }
}

fn check_stage_names(stages: &[Stage], options: &CheckOptions, report: &mut CheckReport) {
    let mut names = BTreeSet::new();
    for stage in stages {
        let Some(name) = stage.name.as_deref() else {
            continue;
        };
        if matches!(name, "scratch" | "context") {
            let detail =
                format!("Stage name should not use the same name as reserved stage {name:?}");
            report.add(options, Rule::ReservedStageName, stage.lines, detail);
        }
        if !names.insert(name) {
            let detail = format!("Duplicate stage name {name:?}, stage names should be unique");
            report.add(options, Rule::DuplicateStageName, stage.lines, detail);
        }
    }
}

/// All keywords in one case: that of the majority, upper case if there is none.
fn check_casing(stages: &[Stage], options: &CheckOptions, report: &mut CheckReport) {
    let keywords: Vec<(&str, Lines)> = stages
        .iter()
        .flat_map(|stage| {
            let instructions = stage.instructions.iter();
            let instructions =
                instructions.map(|instruction| (instruction.keyword.as_str(), instruction.lines));
            std::iter::once((stage.keyword.as_str(), stage.lines)).chain(instructions)
        })
        .collect();
    let count = |wanted: fn(&str) -> String| {
        let consistent = keywords
            .iter()
            .filter(|(keyword, _)| *keyword == wanted(keyword));
        consistent.count()
    };
    let (case, wanted): (_, fn(&str) -> String) =
        if count(str::to_lowercase) > count(str::to_uppercase) {
            ("lowercase", str::to_lowercase)
        } else {
            ("uppercase", str::to_uppercase)
        };
    for (keyword, lines) in keywords {
        if keyword != wanted(keyword) {
            let detail = format!(
                "Command '{keyword}' should match the case of the command majority ({case})"
            );
            report.add(options, Rule::ConsistentInstructionCasing, lines, detail);
        }
    }
}

fn check_default_bases(
    stages: &[Stage],
    lexer: Lexer,
    defaults: &Values,
    options: &CheckOptions,
    report: &mut CheckReport,
) {
    for stage in stages {
        let Ok(expanded) = lexer.expand(&stage.base, defaults) else {
            return;
        };
        if expanded.text.parse::<Reference>().is_err() {
            let detail = format!(
                "Default value for ARG {} results in empty or invalid base image name",
                stage.base
            );
            report.add(options, Rule::InvalidDefaultArgInFrom, stage.lines, detail);
        }
    }
}

impl Checked<'_> {
    /// What each stage begins with, substituted.
    fn bases(
        &self,
        declared: &BTreeSet<String>,
        report: &mut CheckReport,
    ) -> Result<Vec<String>, Problem> {
        let mut bases = Vec::new();
        for stage in &self.dockerfile.stages {
            let options = self.options.with_comments(&stage.comments);
            let expanded = self
                .lexer
                .expand(&stage.base, &self.global)
                .map_err(|error| Problem::at(stage.lines, error))?;
            report_undeclared(&expanded.unmatched, declared, stage.lines, &options, report);
            if expanded.text.is_empty() {
                let base = stage.base.clone();
                return Err(Problem::at(stage.lines, StageReason::BlankBase { base }));
            }
            bases.push(expanded.text);
            if let Some(written) = &stage.platform {
                let expanded = self
                    .lexer
                    .expand(written, &self.global)
                    .map_err(|error| Problem::at(stage.lines, error))?;
                report_undeclared(&expanded.unmatched, declared, stage.lines, &options, report);
                check_platform(self, stage, written, &expanded, &options, report)?;
            }
        }
        Ok(bases)
    }
}

fn report_undeclared(
    unmatched: &BTreeSet<String>,
    declared: &BTreeSet<String>,
    lines: Lines,
    options: &CheckOptions,
    report: &mut CheckReport,
) {
    for name in unmatched.difference(declared) {
        let suggestion = Suggestion::among(name, declared.iter().map(String::as_str));
        let detail = format!("FROM argument '{name}' is not declared{suggestion}");
        report.add(options, Rule::UndefinedArgInFrom, lines, detail);
    }
}
