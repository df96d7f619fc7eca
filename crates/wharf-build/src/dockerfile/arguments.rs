//! From one logical line to a typed instruction.

use super::duration::parse_duration;
use super::error::Reason;
use super::flags::{FlagKind, Flags};
use super::heredoc::Heredoc;
use super::instruction::{
    Add, Argument, CommandLine, Copy, CopyFlags, Healthcheck, Instruction, InstructionKind,
    Network, Pair, Paths, Run, Security, Stage,
};
use super::lines::LogicalLine;
use super::mount::check_form;
use super::suggestion::Suggestion;
use super::words::{first_word, flags, json_words, plain_words, quoted_words};

/// Every instruction.
pub(super) const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What a line becomes.
#[derive(Debug)]
pub(super) enum Parsed {
    Stage(Stage),
    Instruction(Instruction),
}

/// A line, taken apart as far as every instruction is: keyword, flags, the rest, and whether that is JSON.
#[derive(Debug)]
pub(super) struct InstructionText {
    written: String,
    keyword: String,
    flags: Vec<String>,
    rest: String,
    json: Option<Vec<String>>,
    escape: char,
    /// What stands behind ONBUILD.
    trigger: Option<Box<Self>>,
}

impl InstructionText {
    pub(super) fn split(line: &str, escape: char) -> Result<Self, Reason> {
        Self::split_within(line, escape, 0)
    }

    fn split_within(line: &str, escape: char, depth: usize) -> Result<Self, Reason> {
        let (written, rest) = first_word(line.trim());
        let (flags, rest) = flags(rest.unwrap_or_default(), escape);
        let rest = rest.trim();
        let keyword = written.to_uppercase();
        let json = match keyword.as_str() {
            "ADD" | "CMD" | "COPY" | "ENTRYPOINT" | "RUN" | "SHELL" | "VOLUME" => json_words(rest)?,
            "HEALTHCHECK" => json_words(health_type(rest).1)?,
            _ => None,
        };
        let trigger = match keyword.as_str() {
            "ONBUILD" if depth > 0 => return Err(Reason::ChainedOnbuild),
            "ONBUILD" if !rest.is_empty() => {
                Some(Box::new(Self::split_within(rest, escape, depth + 1)?))
            }
            _ => None,
        };
        Ok(Self {
            written: written.to_owned(),
            keyword,
            flags,
            rest: rest.to_owned(),
            json,
            escape,
            trigger,
        })
    }

    pub(super) fn may_have_heredocs(&self) -> bool {
        let instruction = self.trigger.as_deref().unwrap_or(self);
        matches!(instruction.keyword.as_str(), "ADD" | "COPY" | "RUN")
            && instruction.json.is_none()
            && instruction.rest.contains("<<")
    }

    fn parse_flags(&self, known: &[(&'static str, FlagKind)]) -> Result<Flags, Reason> {
        Flags::parse(&self.flags, known)
    }

    /// Words of the rest, or of its JSON.
    fn words(&self) -> Vec<String> {
        self.json.clone().unwrap_or_else(|| plain_words(&self.rest))
    }

    fn one(&self, instruction: &'static str) -> Result<String, Reason> {
        if self.rest.is_empty() {
            return Err(Reason::NotOneArgument { instruction });
        }
        Ok(self.rest.clone())
    }

    fn command(&self, heredocs: Vec<Heredoc>) -> CommandLine {
        match &self.json {
            Some(words) => CommandLine::Exec(words.clone()),
            None => CommandLine::Shell {
                line: self.rest.clone(),
                heredocs,
            },
        }
    }
}

pub(super) fn parse_instruction(
    text: &InstructionText,
    heredocs: Vec<Heredoc>,
    line: LogicalLine,
) -> Result<Parsed, Reason> {
    if text.keyword == "FROM" {
        return stage(text, line).map(Parsed::Stage);
    }
    let kind = kind(text, heredocs, &line)?;
    Ok(Parsed::Instruction(Instruction {
        keyword: text.written.clone(),
        lines: line.lines,
        comments: line.comments,
        kind,
    }))
}

fn kind(
    text: &InstructionText,
    heredocs: Vec<Heredoc>,
    line: &LogicalLine,
) -> Result<InstructionKind, Reason> {
    if matches!(
        text.keyword.as_str(),
        "ENV"
            | "LABEL"
            | "MAINTAINER"
            | "ONBUILD"
            | "WORKDIR"
            | "CMD"
            | "ENTRYPOINT"
            | "EXPOSE"
            | "USER"
            | "VOLUME"
            | "SHELL"
    ) {
        text.parse_flags(&[])?;
    }
    Ok(match text.keyword.as_str() {
        "ADD" => InstructionKind::Add(add(text, heredocs)?),
        "ARG" => InstructionKind::Arg(arguments(text)?),
        "CMD" => InstructionKind::Cmd(text.command(heredocs)),
        "COPY" => InstructionKind::Copy(copy(text, heredocs)?),
        "ENTRYPOINT" => InstructionKind::Entrypoint(text.command(heredocs)),
        "ENV" => InstructionKind::Env(pairs(text, "ENV")?),
        "EXPOSE" => InstructionKind::Expose(some_words(text, "EXPOSE")?),
        "HEALTHCHECK" => InstructionKind::Healthcheck(healthcheck(text)?),
        "LABEL" => InstructionKind::Label(pairs(text, "LABEL")?),
        "MAINTAINER" => InstructionKind::Maintainer(text.one("MAINTAINER")?),
        "ONBUILD" => InstructionKind::Onbuild(onbuild(text, &heredocs, line)?),
        "RUN" => InstructionKind::Run(run(text, heredocs)?),
        "SHELL" => InstructionKind::Shell(shell(text)?),
        "STOPSIGNAL" => InstructionKind::StopSignal(text.one("STOPSIGNAL")?),
        "USER" => InstructionKind::User(text.one("USER")?),
        "VOLUME" => InstructionKind::Volume(volumes(text)?),
        "WORKDIR" => InstructionKind::Workdir(text.one("WORKDIR")?),
        _ => {
            return Err(Reason::UnknownInstruction {
                keyword: text.written.clone(),
                suggestion: Suggestion::in_any_case(&text.written, KEYWORDS),
            });
        }
    })
}

fn stage(text: &InstructionText, line: LogicalLine) -> Result<Stage, Reason> {
    let words = plain_words(&text.rest);
    let (base, written_name) = match words.as_slice() {
        [base] => (base, None),
        [base, word, name] if word.eq_ignore_ascii_case("as") => {
            (base, Some((word.clone(), name.clone())))
        }
        _ => return Err(Reason::FromArguments),
    };
    let name = written_name.as_ref().map(|(_, name)| name.to_lowercase());
    if let (Some(name), Some((_, written))) = (&name, &written_name) {
        let mut characters = name.chars();
        let named = characters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            && characters.all(|other| {
                other.is_ascii_lowercase() || other.is_ascii_digit() || "-_.".contains(other)
            });
        if !named {
            return Err(Reason::StageName {
                name: written.clone(),
            });
        }
    }
    let flags = text.parse_flags(&[("platform", FlagKind::Text)])?;
    Ok(Stage {
        keyword: text.written.clone(),
        base: base.clone(),
        name,
        written_name,
        platform: flags.text("platform"),
        lines: line.lines,
        comments: line.comments,
        instructions: Vec::new(),
    })
}

fn some_words(text: &InstructionText, instruction: &'static str) -> Result<Vec<String>, Reason> {
    let words = text.words();
    if words.is_empty() {
        return Err(Reason::NoArgument { instruction });
    }
    Ok(words)
}

fn pairs(text: &InstructionText, instruction: &'static str) -> Result<Vec<Pair>, Reason> {
    let words = quoted_words(&text.rest, text.escape);
    let Some(first) = words.first() else {
        return Err(Reason::NoArgument { instruction });
    };
    if !first.contains('=') {
        let (name, value) = first_word(&text.rest);
        return Ok(vec![Pair {
            name: name.to_owned(),
            value: value.ok_or(Reason::NoValue { instruction })?.to_owned(),
            is_legacy: true,
        }]);
    }
    words
        .iter()
        .map(|word| match word.split_once('=') {
            None => Err(Reason::NoEqualsSign { word: word.clone() }),
            Some(("", _)) => Err(Reason::BlankName { instruction }),
            Some((name, value)) => Ok(Pair {
                name: name.to_owned(),
                value: value.to_owned(),
                is_legacy: false,
            }),
        })
        .collect()
}

fn arguments(text: &InstructionText) -> Result<Vec<Argument>, Reason> {
    let words = quoted_words(&text.rest, text.escape);
    if words.is_empty() {
        return Err(Reason::NoArgument { instruction: "ARG" });
    }
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some(("", _)) => Err(Reason::BlankName { instruction: "ARG" }),
            Some((name, default)) => Ok(Argument {
                name: name.to_owned(),
                default: Some(default.to_owned()),
            }),
            None => Ok(Argument {
                name: word.clone(),
                default: None,
            }),
        })
        .collect()
}

fn paths(
    text: &InstructionText,
    heredocs: Vec<Heredoc>,
    instruction: &'static str,
) -> Result<Paths, Reason> {
    let mut sources = text.words();
    let destination = sources.pop().filter(|_| !sources.is_empty());
    let destination = destination.ok_or(Reason::NoDestination { instruction })?;
    let is_marker = |word: &str| matches!(Heredoc::marker(word), Ok(Some(_)));
    if is_marker(&destination) {
        return Err(Reason::HeredocDestination { instruction });
    }
    sources.retain(|source| !is_marker(source));
    Ok(Paths {
        sources,
        heredocs,
        destination,
    })
}

fn copy_flags(flags: &Flags) -> CopyFlags {
    CopyFlags {
        owner: flags.text("chown"),
        mode: flags.text("chmod"),
        link: flags.switch("link").unwrap_or(false),
        excludes: flags.list("exclude"),
    }
}

fn copy(text: &InstructionText, heredocs: Vec<Heredoc>) -> Result<Copy, Reason> {
    let paths = paths(text, heredocs, "COPY")?;
    let flags = text.parse_flags(&[
        ("chown", FlagKind::Text),
        ("from", FlagKind::Text),
        ("chmod", FlagKind::Text),
        ("link", FlagKind::Switch),
        ("exclude", FlagKind::List),
        ("parents", FlagKind::Switch),
    ])?;
    Ok(Copy {
        paths,
        from: flags.text("from"),
        parents: flags.switch("parents").unwrap_or(false),
        flags: copy_flags(&flags),
    })
}

fn add(text: &InstructionText, heredocs: Vec<Heredoc>) -> Result<Add, Reason> {
    let paths = paths(text, heredocs, "ADD")?;
    let flags = text.parse_flags(&[
        ("chown", FlagKind::Text),
        ("chmod", FlagKind::Text),
        ("link", FlagKind::Switch),
        ("keep-git-dir", FlagKind::Switch),
        ("checksum", FlagKind::Text),
        ("unpack", FlagKind::Switch),
        ("exclude", FlagKind::List),
    ])?;
    Ok(Add {
        paths,
        keep_git_dir: flags.switch("keep-git-dir"),
        checksum: flags.text("checksum"),
        unpack: flags.switch("unpack"),
        flags: copy_flags(&flags),
    })
}

fn run(text: &InstructionText, heredocs: Vec<Heredoc>) -> Result<Run, Reason> {
    let flags = text.parse_flags(&[
        ("mount", FlagKind::List),
        ("network", FlagKind::Text),
        ("security", FlagKind::Text),
        ("device", FlagKind::List),
    ])?;
    let mounts = flags.list("mount");
    for mount in &mounts {
        check_form(mount)?;
    }
    let network = match flags.list("network").first().map(String::as_str) {
        None | Some("default") => Network::Default,
        Some("none") => Network::None,
        Some("host") => Network::Host,
        Some(mode) => {
            return Err(Reason::NetworkMode {
                mode: mode.to_owned(),
                suggestion: Suggestion::among(mode, ["default", "none", "host"]),
            });
        }
    };
    let security = match flags.list("security").first().map(String::as_str) {
        None | Some("sandbox") => Security::Sandbox,
        Some("insecure") => Security::Insecure,
        Some(mode) => {
            return Err(Reason::Security {
                mode: mode.to_owned(),
                suggestion: Suggestion::among(mode, ["sandbox", "insecure"]),
            });
        }
    };
    Ok(Run {
        command: text.command(heredocs),
        mounts,
        network,
        security,
        devices: flags.list("device"),
    })
}

fn shell(text: &InstructionText) -> Result<Vec<String>, Reason> {
    match &text.json {
        Some(words) if !words.is_empty() => Ok(words.clone()),
        None if !text.rest.is_empty() => Err(Reason::ShellNotJson),
        _ => Err(Reason::NoArgument {
            instruction: "SHELL",
        }),
    }
}

fn volumes(text: &InstructionText) -> Result<Vec<String>, Reason> {
    let volumes: Vec<String> = some_words(text, "VOLUME")?
        .iter()
        .map(|volume| volume.trim().to_owned())
        .collect();
    if volumes.iter().any(String::is_empty) {
        return Err(Reason::EmptyVolume);
    }
    Ok(volumes)
}

fn onbuild(
    text: &InstructionText,
    heredocs: &[Heredoc],
    line: &LogicalLine,
) -> Result<String, Reason> {
    let Some(trigger) = &text.trigger else {
        return Err(Reason::NoArgument {
            instruction: "ONBUILD",
        });
    };
    if matches!(trigger.keyword.as_str(), "FROM" | "MAINTAINER") {
        return Err(Reason::OnbuildTrigger {
            instruction: trigger.keyword.clone(),
        });
    }
    if matches!(trigger.keyword.as_str(), "ENV" | "LABEL") {
        kind(trigger, Vec::new(), line)?;
    }
    let mut written = text.rest.clone();
    for heredoc in heredocs {
        written.push('\n');
        written.push_str(&heredoc.body);
        written.push_str(&heredoc.name);
    }
    Ok(written)
}

/// `CMD` or `NONE`, and what follows.
fn health_type(rest: &str) -> (&str, &str) {
    let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    (word, behind.trim_start())
}

fn healthcheck(text: &InstructionText) -> Result<Healthcheck, Reason> {
    let (word, rest) = health_type(&text.rest);
    match word.to_uppercase().as_str() {
        "" => {
            return Err(Reason::NoArgument {
                instruction: "HEALTHCHECK",
            });
        }
        "NONE" if rest.is_empty() => return Ok(Healthcheck::None),
        "NONE" => return Err(Reason::HealthcheckNone),
        _ => {}
    }
    let flags = text.parse_flags(&[
        ("interval", FlagKind::Text),
        ("timeout", FlagKind::Text),
        ("start-period", FlagKind::Text),
        ("start-interval", FlagKind::Text),
        ("retries", FlagKind::Text),
    ])?;
    if word.to_uppercase() != "CMD" {
        return Err(Reason::HealthcheckType {
            found: word.to_uppercase(),
        });
    }
    let command = match &text.json {
        Some(words) if !words.is_empty() => CommandLine::Exec(words.clone()),
        None if !rest.is_empty() => CommandLine::Shell {
            line: rest.to_owned(),
            heredocs: Vec::new(),
        },
        _ => return Err(Reason::HealthcheckCommand),
    };
    Ok(Healthcheck::Command {
        command,
        interval_ns: duration(&flags, "interval")?,
        timeout_ns: duration(&flags, "timeout")?,
        start_period_ns: duration(&flags, "start-period")?,
        start_interval_ns: duration(&flags, "start-interval")?,
        retries: retries(&flags)?,
    })
}

fn duration(flags: &Flags, flag: &'static str) -> Result<i64, Reason> {
    const LEAST_NS: i64 = 1_000_000;

    let Some(text) = flags.text(flag) else {
        return Ok(0);
    };
    match parse_duration(&text) {
        None => Err(Reason::Duration { flag, value: text }),
        Some(0) => Ok(0),
        Some(duration_ns) if duration_ns < LEAST_NS => Err(Reason::ShortInterval { flag }),
        Some(duration_ns) => Ok(duration_ns),
    }
}

fn retries(flags: &Flags) -> Result<u32, Reason> {
    let Some(text) = flags.text("retries") else {
        return Ok(0);
    };
    let number = text.parse::<i32>().ok();
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or(Reason::Retries { value: text })
}
