//! `wharf __complete WORDS...`: what the completion scripts ask. One candidate a line, then a tab and its meaning;
//! the line `:files` asks the shell to complete names of files.

use std::fmt::Write as _;
use std::process::ExitCode;

use wharf_images::ListFilter;

use crate::arguments::{
    Candidate, Command, Completion, Group, Matches, Positionals, Run, complete,
};
use crate::commands::ROOT;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "__complete",
    synopsis: "WORD...",
    summary: "Print what may follow on a command line",
    positionals: Positionals::AtLeast(0),
    interspersed: false,
    group: Group::Hidden,
    run: Run::Local(run),
    ..Command::EMPTY
};

const FILES: &str = ":files\n";

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let text = match complete(&ROOT, &matches.arguments) {
        Completion::Words(candidates) => lines(candidates),
        Completion::Argument { command, typed } => arguments(session, command, &typed),
        Completion::Value { flag, typed } => values(flag, &typed),
    };
    session.printer().out(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn lines(candidates: impl IntoIterator<Item = Candidate>) -> String {
    candidates
        .into_iter()
        .fold(String::new(), |mut lines, candidate| {
            _ = writeln!(lines, "{}\t{}", candidate.word, candidate.meaning);
            lines
        })
}

fn arguments(session: &Session, command: &str, typed: &str) -> String {
    match command {
        "history" | "images" | "inspect" | "ls" | "mount" | "pull" | "push" | "rm" | "rmi"
        | "save" | "tag" => lines(
            image_names(session)
                .into_iter()
                .filter(|candidate| candidate.word.starts_with(typed)),
        ),
        "import" | "unmount" | "unshare" | "man" => FILES.to_owned(),
        _ => String::new(),
    }
}

/// The names in the store. A store that cannot be read has none: completion never fails.
fn image_names(session: &Session) -> Vec<Candidate> {
    let images = session
        .engine()
        .images(&ListFilter::default())
        .unwrap_or_default();
    let names = images.iter().flat_map(|image| &image.repo_tags);
    names
        .map(|name| Candidate {
            word: name.familiar(),
            meaning: String::new(),
        })
        .collect()
}

fn values(flag: &str, typed: &str) -> String {
    let words: &[&str] = match flag {
        "config" | "root" | "output" | "input" | "file" => return FILES.to_owned(),
        "log-level" => &["trace", "debug", "info", "warn", "error", "off"],
        "log-format" => &["text", "json"],
        "platform" => &[
            "linux/amd64",
            "linux/arm64",
            "linux/arm/v7",
            "linux/386",
            "linux/ppc64le",
            "linux/s390x",
        ],
        "format" => &["json", "table"],
        "filter" => &[
            "before=",
            "dangling=",
            "label=",
            "reference=",
            "since=",
            "until=",
        ],
        "type" => &["image"],
        _ => &[],
    };
    let fitting = words.iter().filter(|word| word.starts_with(typed));
    lines(fitting.map(|word| Candidate {
        word: (*word).to_owned(),
        meaning: String::new(),
    }))
}
