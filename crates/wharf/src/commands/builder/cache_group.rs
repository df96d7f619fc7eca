//! `wharf builder cache`: the folders of `RUN --mount=type=cache`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use wharf_template::units::human_size;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::formatting::Moment;
use crate::output_file::{OutputFile, plain_reason};
use crate::session::Session;

const INPUT: Flag =
    Flag::text("input", "Read from a tar archive file, instead of STDIN").letter('i');
const OUTPUT: Flag = Flag::text("output", "Write to a file, instead of STDOUT").letter('o');
const QUIET: Flag = Flag::switch("quiet", "Only show names").letter('q');

pub(super) const COMMAND: Command = Command {
    name: "cache",
    summary: "Manage what \"RUN --mount=type=cache\" keeps between builds",
    subcommands: &[EXPORT, IMPORT, LIST],
    ..Command::EMPTY
};

const EXPORT: Command = Command {
    name: "export",
    synopsis: "[OPTIONS] CACHE",
    summary: "Write the files of a cache mount as a tar archive",
    description: "Write the files of a cache mount as a tar archive.\n\
                  CACHE is its id, or where it is mounted if it has none.",
    flags: &[OUTPUT],
    positionals: Positionals::Exactly(1),
    run: Run::Local(export),
    files: Files::Touched,
    ..Command::EMPTY
};

const IMPORT: Command = Command {
    name: "import",
    synopsis: "[OPTIONS] CACHE",
    summary: "Fill a cache mount from a tar archive; what it had goes",
    flags: &[INPUT],
    positionals: Positionals::Exactly(1),
    run: Run::Local(import),
    files: Files::Touched,
    ..Command::EMPTY
};

const LIST: Command = Command {
    name: "ls",
    synopsis: "[OPTIONS]",
    summary: "List cache mounts",
    flags: &[QUIET],
    run: Run::Local(list),
    files: Files::Touched,
    ..Command::EMPTY
};

fn export(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let (engine, id) = (session.engine(), matches.argument(0));
    match matches.some_text(&OUTPUT) {
        None => {
            anyhow::ensure!(
                !session.printer().is_terminal(),
                "cowardly refusing to write an archive to a terminal: use -o, or redirect"
            );
            let stdout = rustix::io::dup(rustix::stdio::stdout())?;
            engine.export_cache_mount(id, File::from(stdout))?;
        }
        Some(path) => {
            let output = OutputFile::create(Path::new(path))?;
            engine.export_cache_mount(id, output.file().try_clone()?)?;
            output.keep()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn import(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let input: Box<dyn Read> = match matches.some_text(&INPUT) {
        None => Box::new(io::stdin().lock()),
        Some(path) => Box::new(
            File::open(path)
                .map_err(|error| anyhow::anyhow!("open {path}: {}", plain_reason(&error)))?,
        ),
    };
    session
        .engine()
        .import_cache_mount(matches.argument(0), input)?;
    Ok(ExitCode::SUCCESS)
}

fn list(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let caches = session.engine().cache_mounts()?;
    let names = caches.iter().map(|cache| {
        // made before names were written down
        let known = Some(cache.id.as_str()).filter(|id| !id.is_empty());
        known.unwrap_or(&cache.name)
    });
    let mut text = String::new();
    if matches.is_set(&QUIET) {
        text.extend(names.flat_map(|name| [name, "\n"]));
        session.printer().out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<&str> = names.collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0).max("CACHE".len()) + 3;
    let now = Moment::present();
    // writing to memory does not fail
    let _ = writeln!(
        text,
        "{:width$}{:11}{:18}IN USE",
        "CACHE", "SIZE", "LAST USED"
    );
    for (name, cache) in names.iter().zip(&caches) {
        let (size, used) = (human_size(cache.bytes), now.age(cache.used));
        let _ = writeln!(text, "{name:width$}{size:11}{used:18}{}", cache.in_use);
    }
    session.printer().out(&text)?;
    Ok(ExitCode::SUCCESS)
}
