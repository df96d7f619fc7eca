//! One stage, instruction by instruction.

use std::collections::BTreeMap;

use serde_json::json;
use wharf_oci::HealthConfig;

use super::environment::{Environment, WithoutSecrets};
use super::go_format;
use super::image::ImageDraft;
use super::instruction_text::instruction_text;
use super::stages::{Graph, StageNode};
use super::step::{Action, CopyAction, CopyFrom, CopySource, InlineFile, PlannedStep, RunAction};
use crate::check::ports::Port;
use crate::check::signal::is_signal;
use crate::check::{Problem, StageReason};
use crate::copy::ModeChange;
use crate::dockerfile::expand::{Lexer, Variables as _};
use crate::dockerfile::{
    Argument, CommandLine, CopyFlags, Healthcheck, Heredoc, Instruction, InstructionKind, Lines,
    Mount, MountKind, Pair, Paths, Run,
};
use crate::ignore::PatternMatcher;

/// Variables that are no part of the environment.
const OUTSIDE: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];
/// Where scripts of heredocs lie while they run.
const SCRIPTS: &str = "/dev/pipes/";

/// What is known of a stage between two instructions.
#[derive(Debug, Clone)]
pub(super) struct StageState {
    pub(super) image: ImageDraft,
    environment: Environment,
    /// ARGs, in order, with the values that they had.
    arguments: Vec<(String, String)>,
    has_cmd: bool,
}

impl StageState {
    pub(super) fn new(image: ImageDraft, environment: Environment) -> Self {
        let mut state = Self {
            image,
            environment,
            arguments: Vec::new(),
            has_cmd: false,
        };
        let folder = state.image.config.working_dir.clone();
        if !folder.is_empty() {
            state.image.config.working_dir = joined("/", &folder);
        }
        state
    }

    /// What a stage that begins with this one knows.
    pub(super) fn inherited(&self) -> Self {
        let mut state = self.clone();
        state.has_cmd = false;
        state.image.config.on_build = None;
        state
    }
}

/// A walk through a stage.
pub(super) struct Dispatch<'a> {
    graph: &'a Graph<'a>,
    node: &'a StageNode,
    places: &'a BTreeMap<usize, usize>,
    state: StageState,
    steps: Vec<PlannedStep>,
    lines: Lines,
    is_trigger: bool,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(
        graph: &'a Graph<'a>,
        node: &'a StageNode,
        state: StageState,
        places: &'a BTreeMap<usize, usize>,
    ) -> Self {
        Self {
            graph,
            node,
            places,
            state,
            steps: Vec::new(),
            lines: node.stage.lines,
            is_trigger: false,
        }
    }

    pub(super) fn finish(self) -> (StageState, Vec<PlannedStep>) {
        (self.state, self.steps)
    }

    pub(super) fn instruction(
        &mut self,
        instruction: &Instruction,
        is_trigger: bool,
    ) -> Result<(), Problem> {
        self.lines = instruction.lines;
        self.is_trigger = is_trigger;
        match &instruction.kind {
            InstructionKind::Add(add) => {
                let action = CopyAction {
                    checksum: self.expand_some(add.checksum.as_ref())?,
                    keep_git_dir: add.keep_git_dir,
                    unpack: add.unpack,
                    ..self.copy(&add.paths, &add.flags, true)?
                };
                self.copy_step(instruction, action, &add.paths)
            }
            InstructionKind::Copy(copy) => {
                let action = CopyAction {
                    from: self.copy_from(copy.from.as_deref())?,
                    parents: copy.parents,
                    ..self.copy(&copy.paths, &copy.flags, false)?
                };
                self.copy_step(instruction, action, &copy.paths)
            }
            InstructionKind::Run(run) => self.run(instruction, run),
            InstructionKind::Workdir(path) => self.workdir(instruction, path),
            InstructionKind::Arg(arguments) => self.arguments(arguments),
            InstructionKind::Env(pairs) => self.environment(pairs),
            InstructionKind::Label(pairs) => self.labels(pairs),
            _ => self.metadata(&instruction.kind),
        }
    }

    fn problem(&self, reason: impl Into<StageReason>) -> Problem {
        Problem::at(self.lines, reason)
    }

    fn expand(&self, text: &str) -> Result<String, Problem> {
        let expanded = self.graph.lexer.expand(text, &self.state.environment);
        expanded
            .map(|expanded| expanded.text)
            .map_err(|error| self.problem(error))
    }

    fn expand_some(&self, text: Option<&String>) -> Result<Option<String>, Problem> {
        text.map(|text| self.expand(text)).transpose()
    }

    fn history(&mut self, text: String) {
        self.state.image.add_history(text, false);
    }

    /// Instructions that only change the config.
    fn metadata(&mut self, kind: &InstructionKind) -> Result<(), Problem> {
        match kind {
            InstructionKind::Cmd(command) => {
                let words = self.with_shell(command);
                self.history(format!("CMD {}", go_format::quoted_list(&words)));
                let config = &mut self.state.image.config;
                config.cmd = Some(words);
                config.other.insert("ArgsEscaped".to_owned(), json!(true));
                self.state.has_cmd = true;
            }
            InstructionKind::Entrypoint(command) => {
                let words = self.with_shell(command);
                self.history(format!("ENTRYPOINT {}", go_format::quoted_list(&words)));
                self.state.image.config.entrypoint = Some(words);
                if !self.state.has_cmd {
                    self.state.image.config.cmd = None;
                }
            }
            InstructionKind::Expose(ports) => self.expose(ports)?,
            InstructionKind::Healthcheck(check) => self.healthcheck(check),
            InstructionKind::Maintainer(name) => {
                self.history(format!("MAINTAINER {name}"));
                self.state.image.author.clone_from(name);
            }
            InstructionKind::Onbuild(trigger) => {
                let config = &mut self.state.image.config;
                config
                    .on_build
                    .get_or_insert_default()
                    .push(trigger.clone());
            }
            InstructionKind::Shell(words) => {
                self.history(format!("SHELL {}", go_format::list(words)));
                self.state.image.config.shell = Some(words.clone());
            }
            InstructionKind::StopSignal(text) => {
                let signal = self.expand(text)?;
                if !is_signal(&signal) {
                    return Err(self.problem(StageReason::Signal { signal }));
                }
                self.history(format!("STOPSIGNAL {signal}"));
                self.state.image.config.stop_signal = Some(signal);
            }
            InstructionKind::User(text) => {
                let user = self.expand(text)?;
                self.history(format!("USER {user}"));
                self.state.image.config.user = user;
            }
            InstructionKind::Volume(volumes) => {
                let paths: Result<Vec<String>, _> =
                    volumes.iter().map(|volume| self.expand(volume)).collect();
                let paths = paths?;
                self.history(format!("VOLUME {}", go_format::list(&paths)));
                let volumes = self.state.image.config.volumes.get_or_insert_default();
                volumes.extend(paths.into_iter().map(|path| (path, json!({}))));
            }
            _ => {}
        }
        Ok(())
    }

    fn with_shell(&self, command: &CommandLine) -> Vec<String> {
        match command {
            CommandLine::Exec(words) => words.clone(),
            CommandLine::Shell { line, .. } => {
                let mut words = self.state.image.shell();
                words.push(line.clone());
                words
            }
        }
    }

    fn expose(&mut self, written: &[String]) -> Result<(), Problem> {
        let mut keys = Vec::new();
        let mut written = written.to_vec();
        // BuildKit sorts them before it substitutes
        written.sort();
        for words in &written {
            let expanded = self.graph.lexer.expand(words, &self.state.environment);
            for text in expanded.map_err(|error| self.problem(error))?.words {
                let port = Port::parse(&text).map_err(|reason| self.problem(reason))?;
                keys.extend(port.keys());
            }
        }
        self.history(format!("EXPOSE {}", go_format::list(&keys)));
        let ports = self
            .state
            .image
            .config
            .exposed_ports
            .get_or_insert_default();
        ports.extend(keys.into_iter().map(|key| (key, json!({}))));
        Ok(())
    }

    fn healthcheck(&mut self, check: &Healthcheck) {
        let config = match check {
            Healthcheck::None => HealthConfig {
                test: vec!["NONE".to_owned()],
                ..HealthConfig::default()
            },
            Healthcheck::Command {
                command,
                interval_ns,
                timeout_ns,
                start_period_ns,
                start_interval_ns,
                retries,
            } => HealthConfig {
                test: match command {
                    CommandLine::Exec(words) => {
                        [&["CMD".to_owned()][..], words.as_slice()].concat()
                    }
                    CommandLine::Shell { line, .. } => {
                        vec!["CMD-SHELL".to_owned(), line.clone()]
                    }
                },
                interval: *interval_ns,
                timeout: *timeout_ns,
                start_period: *start_period_ns,
                start_interval: *start_interval_ns,
                retries: i64::from(*retries),
            },
        };
        self.history(format!("HEALTHCHECK {}", go_format::healthcheck(&config)));
        self.state.image.config.healthcheck = Some(config);
    }

    /// All pairs see what was set before the instruction.
    fn pairs(&self, pairs: &[Pair]) -> Result<Vec<(String, String)>, Problem> {
        pairs
            .iter()
            .map(|pair| Ok((self.expand(&pair.name)?, self.expand(&pair.value)?)))
            .collect()
    }

    fn environment(&mut self, pairs: &[Pair]) -> Result<(), Problem> {
        let pairs = self.pairs(pairs)?;
        let mut text = "ENV".to_owned();
        for (name, value) in &pairs {
            text = format!("{text} {name}={value}");
            self.state.environment.set(name, value);
            self.state.image.set_environment(name, value);
        }
        self.history(text);
        Ok(())
    }

    fn labels(&mut self, pairs: &[Pair]) -> Result<(), Problem> {
        let pairs = self.pairs(pairs)?;
        let mut text = "LABEL".to_owned();
        for (name, value) in &pairs {
            text = format!("{text} {name}={value}");
        }
        let labels = self.state.image.config.labels.get_or_insert_default();
        labels.extend(pairs);
        self.history(text);
        Ok(())
    }

    fn arguments(&mut self, arguments: &[Argument]) -> Result<(), Problem> {
        let mut texts = Vec::new();
        for Argument { name, default } in arguments {
            let given = self.graph.request.build_arguments.get(name);
            let value = match (given, default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(self.expand(default)?),
                (None, None) => self.graph.global.0.get(name).cloned(),
            };
            if let Some(value) = value.as_ref().filter(|_| !OUTSIDE.contains(&name.as_str())) {
                self.state.environment.set(name, value);
            }
            texts.push(match &value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            });
            let known = (name.clone(), value.unwrap_or_default());
            self.state.arguments.push(known);
        }
        self.history(format!("ARG {}", texts.join(" ")));
        Ok(())
    }

    fn workdir(&mut self, instruction: &Instruction, path: &str) -> Result<(), Problem> {
        let path = self.expand(path)?;
        let path = joined(&self.state.image.config.working_dir, &path);
        let created_by = format!("WORKDIR {path}");
        let makes_layer = path != "/";
        self.state.image.config.working_dir.clone_from(&path);
        if makes_layer {
            let user = self.state.image.config.user.clone();
            let title = self.title(instruction);
            self.steps.push(PlannedStep {
                title,
                created_by: created_by.clone(),
                lines: self.lines,
                action: Action::Workdir { path, user },
            });
        }
        self.state.image.add_history(created_by, makes_layer);
        Ok(())
    }

    /// The instruction as progress shows it, with its variables.
    fn title(&self, instruction: &Instruction) -> String {
        let text = if self.is_trigger {
            instruction.keyword.to_uppercase()
        } else {
            instruction_text(&self.graph.text, self.lines, self.graph.escape)
        };
        let lexer = Lexer {
            keep_quotes: true,
            keep_unset: matches!(instruction.kind, InstructionKind::Run(_)),
            ..self.graph.lexer
        };
        let shown = WithoutSecrets::new(&self.state.environment, &instruction.kind);
        let expanded = lexer.expand(&text, &shown);
        let text = expanded.map_or(text, |expanded| expanded.text);
        let (keyword, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let text = format!("{} {rest}", keyword.to_uppercase());
        let text = text.trim_end();
        if self.is_trigger {
            format!("ONBUILD {text}")
        } else {
            text.to_owned()
        }
    }

    fn copy(&self, paths: &Paths, flags: &CopyFlags, is_add: bool) -> Result<CopyAction, Problem> {
        let mut sources = Vec::new();
        for written in &paths.sources {
            let text = self.expand(written)?;
            let source = CopySource::parse(text);
            let kind = match &source {
                CopySource::Path(_) => None,
                CopySource::Url(_) => Some("URL"),
                CopySource::Git(_) => Some("git ref"),
            };
            if let Some(kind) = kind.filter(|_| !is_add) {
                return Err(self.problem(StageReason::RemoteCopy { kind }));
            }
            sources.push(source);
        }
        let mode = self.expand_some(flags.mode.as_ref())?;
        let mode = mode.map(|text| {
            let change = ModeChange::parse(&text).map_err(|error| self.problem(error))?;
            Ok::<_, Problem>((text, change))
        });
        PatternMatcher::new(&flags.excludes).map_err(|fault| self.problem(fault))?;
        let written = self.expand(&paths.destination)?;
        Ok(CopyAction {
            is_add,
            sources,
            inline: self.inline(&paths.heredocs)?,
            from: CopyFrom::Context,
            destination: destination(&self.state.image.config.working_dir, &written),
            owner: self.expand_some(flags.owner.as_ref())?,
            mode: mode.transpose()?,
            link: flags.link,
            parents: false,
            excludes: flags.excludes.clone(),
            checksum: None,
            keep_git_dir: None,
            unpack: None,
        })
    }

    fn inline(&self, heredocs: &[Heredoc]) -> Result<Vec<InlineFile>, Problem> {
        let lexer = Lexer {
            ignore_quotes: true,
            ..Lexer::new('\\')
        };
        let file = |heredoc: &Heredoc| {
            let mut content = heredoc.content();
            if heredoc.expands {
                let expanded = lexer.expand(&content, &self.state.environment);
                content = expanded.map_err(|error| self.problem(error))?.text;
            }
            let name = heredoc.name.clone();
            Ok(InlineFile { name, content })
        };
        heredocs.iter().map(file).collect()
    }

    fn copy_from(&self, from: Option<&str>) -> Result<CopyFrom, Problem> {
        let Some(from) = from else {
            return Ok(CopyFrom::Context);
        };
        if self.graph.named_files(from) {
            return Ok(CopyFrom::Named(from.to_owned()));
        }
        self.place(from).map(CopyFrom::Stage)
    }

    /// Where in the plan a stage is that must be done by now.
    fn place(&self, from: &str) -> Result<usize, Problem> {
        let source = self.graph.source(from);
        let place = source.and_then(|source| self.places.get(&source)).copied();
        place.ok_or_else(|| {
            self.problem(StageReason::LaterStage {
                from: from.to_owned(),
                stage: self.node.shown.clone(),
            })
        })
    }

    fn copy_step(
        &mut self,
        instruction: &Instruction,
        action: CopyAction,
        paths: &Paths,
    ) -> Result<(), Problem> {
        self.check_checksum(&action)?;
        let mut text = if action.is_add { "ADD" } else { "COPY" }.to_owned();
        if action.parents {
            text.push_str(" --parents");
        }
        if let Some(owner) = &action.owner {
            text = format!("{text} --chown={owner}");
        }
        if let Some((mode, _)) = &action.mode {
            text = format!("{text} --chmod={mode}");
        }
        for source in &action.sources {
            text = format!("{text} {}", source.text());
        }
        for file in &action.inline {
            text = format!("{text} <<{}", file.name);
        }
        let destination = self.expand(&paths.destination)?;
        let created_by = format!("{text} {destination} # buildkit");
        let title = self.title(instruction);
        self.state.image.add_history(created_by.clone(), true);
        self.steps.push(PlannedStep {
            title,
            created_by,
            lines: self.lines,
            action: Action::Copy(Box::new(action)),
        });
        Ok(())
    }

    fn check_checksum(&self, action: &CopyAction) -> Result<(), Problem> {
        if action.checksum.is_none() {
            return Ok(());
        }
        let detail = match action.sources.as_slice() {
            [CopySource::Path(_)] => "requires HTTP(S) or Git sources",
            [_] => return Ok(()),
            _ => "can't be specified for multiple sources",
        };
        let detail = detail.to_owned();
        Err(self.problem(StageReason::Checksum { detail }))
    }

    fn run(&mut self, instruction: &Instruction, run: &Run) -> Result<(), Problem> {
        let lexer = self.graph.lexer;
        let environment = &self.state.environment;
        let mounts = run.mounts(&mut |value| {
            let expanded = lexer.expand(value, environment)?;
            Ok(expanded.text)
        });
        let mut sources = Vec::new();
        let mounts = mounts.map_err(|reason| self.problem(reason))?;
        for mount in &mounts {
            self.check_mount(mount)?;
        }
        for from in mounts.iter().filter_map(|mount| mount.from.as_ref()) {
            if !self.graph.named_files(from) {
                sources.push((from.clone(), self.place(from)?));
            }
        }
        let (arguments, script) = self.run_arguments(&run.command);
        let created_by = format!("RUN {} # buildkit", self.run_text(&arguments));
        let title = self.title(instruction);
        self.state.image.add_history(created_by.clone(), true);
        let config = &self.state.image.config;
        let action = RunAction {
            arguments,
            script,
            environment: self.state.environment.pairs().to_vec(),
            user: config.user.clone(),
            folder: match config.working_dir.as_str() {
                "" => "/".to_owned(),
                folder => folder.to_owned(),
            },
            run: run.clone(),
            mounts,
            sources,
        };
        self.steps.push(PlannedStep {
            title,
            created_by,
            lines: self.lines,
            action: Action::Run(Box::new(action)),
        });
        Ok(())
    }

    /// What of a mount is only known with its values.
    fn check_mount(&self, mount: &Mount) -> Result<(), Problem> {
        match mount.kind {
            MountKind::Ssh if mount.source.is_some() => Err(self.problem(StageReason::SshSource)),
            MountKind::Bind | MountKind::Cache | MountKind::Tmpfs => {
                let written = mount.target.as_deref().unwrap_or_default();
                let target = joined(&self.state.image.config.working_dir, written);
                if target == "/" {
                    return Err(self.problem(StageReason::MountTarget { target }));
                }
                Ok(())
            }
            MountKind::Ssh | MountKind::Secret => Ok(()),
        }
    }

    /// What is run, and the script that a heredoc with `#!` is.
    fn run_arguments(&self, command: &CommandLine) -> (Vec<String>, Option<InlineFile>) {
        let (line, heredocs) = match command {
            CommandLine::Exec(words) => return (words.clone(), None),
            CommandLine::Shell { line, heredocs } => (line, heredocs),
        };
        let mut text = line.clone();
        let mut script = None;
        if let Some(first) = heredocs.first() {
            if matches!(Heredoc::marker(line), Ok(Some(_))) {
                text = first.content();
                if text.starts_with("#!") {
                    let name = format!("{SCRIPTS}{}", first.name);
                    let content = std::mem::replace(&mut text, name.clone());
                    script = Some(InlineFile { name, content });
                }
            } else {
                for heredoc in heredocs {
                    text = format!("{text}\n{}{}", heredoc.body, heredoc.name);
                }
            }
        }
        let mut words = self.state.image.shell();
        words.push(text);
        (words, script)
    }

    /// The command with the ARGs that it saw: `|1 A=b /bin/sh -c ...`.
    fn run_text(&self, arguments: &[String]) -> String {
        let mut seen: Vec<(&str, String)> = Vec::new();
        for (name, value) in &self.state.arguments {
            let value = self.state.environment.get(name).unwrap_or(value);
            let text = format!("{name}={value}");
            match seen.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = text,
                None => seen.push((name, text)),
            }
        }
        let mut words = Vec::new();
        if !seen.is_empty() {
            words.push(format!("|{}", seen.len()));
            words.extend(seen.into_iter().map(|(_, text)| text));
        }
        words.extend(arguments.iter().cloned());
        words.join(" ")
    }
}

impl CopySource {
    fn parse(text: String) -> Self {
        if is_git(&text) {
            Self::Git(text)
        } else if text.starts_with("http://") || text.starts_with("https://") {
            Self::Url(text)
        } else {
            Self::Path(text)
        }
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        match self {
            Self::Path(text) | Self::Url(text) | Self::Git(text) => text,
        }
    }
}

/// Whether a text names a git repository: by its scheme, as `git@host:path`, or by `.git` at the end of a web address.
fn is_git(text: &str) -> bool {
    if text.starts_with("git://") || text.starts_with("ssh://") || text.starts_with("git@") {
        return true;
    }
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    let address = text.split(['#', '?']).next().unwrap_or(text);
    is_web && address.strip_suffix(".git").is_some()
}

/// `path` from the folder on, absolute and clean.
fn joined(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    };
    let clean = crate::tree::clean(whole.as_bytes());
    format!("/{}", String::from_utf8_lossy(&clean))
}

/// As [`joined`], with what stands at the end: a slash or `/.` means a directory.
fn destination(folder: &str, path: &str) -> String {
    let path = if matches!(path, "" | ".") { "./" } else { path };
    let clean = joined(folder, path);
    if clean == "/" {
        return clean;
    }
    if path.ends_with('/') {
        format!("{clean}/")
    } else if path.ends_with("/.") {
        format!("{clean}/.")
    } else {
        clean
    }
}
