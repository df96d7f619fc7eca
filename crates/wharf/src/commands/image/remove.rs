//! `wharf rmi`: takes names, and images without names, out of the store.

use std::process::ExitCode;

use wharf_engine::{EngineError, ErrorKind};
use wharf_images::{RemoveEvent, RemoveOptions};
use wharf_oci::{ImageQuery, Platform};

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

const FORCE: Flag = Flag::switch("force", "Force removal of the image").letter('f');
const NO_PRUNE: Flag = Flag::switch("no-prune", "Do not delete untagged parents");
const PLATFORM: Flag = Flag::comma_list(
    "platform",
    "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
);

pub(crate) const COMMAND: Command = Command {
    name: "rm",
    other_names: &["remove"],
    spellings: &["wharf image rm", "wharf image remove", "wharf rmi"],
    synopsis: "[OPTIONS] IMAGE [IMAGE...]",
    summary: "Remove one or more images",
    flags: &[FORCE, NO_PRUNE, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let force = matches.is_set(&FORCE);
    let options = RemoveOptions {
        force,
        keep_parents: matches.is_set(&NO_PRUNE),
    };
    let platforms = matches.list(&PLATFORM).iter();
    let platforms = platforms
        .map(|text| text.parse())
        .collect::<Result<Vec<Platform>, _>>()?;
    let mut failures = Vec::new();
    let mut only_missing = true;
    for image in &matches.arguments {
        match remove(session, image, options, &platforms) {
            Ok(events) => session.printer().out(&lines(&events))?,
            Err(failure) => {
                only_missing &= failure.kind() == ErrorKind::NotFound;
                failures.push(Err::<(), _>(failure).found_by_daemon());
            }
        }
    }
    let texts: Vec<String> = failures
        .into_iter()
        .filter_map(|failure| Some(failure.err()?.to_string()))
        .collect();
    if texts.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    // With --force it is no failure that an image is not there, but it is told.
    anyhow::ensure!(force && only_missing, texts.join("\n"));
    session.printer().error_line(&texts.join("\n"));
    Ok(ExitCode::SUCCESS)
}

/// Removes an image; with platforms, only if it is for one of them: the store holds one platform of each image.
fn remove(
    session: &Session,
    image: &str,
    options: RemoveOptions,
    platforms: &[Platform],
) -> Result<Vec<RemoveEvent>, EngineError> {
    let engine = session.engine();
    if !platforms.is_empty() {
        if !options.force {
            let text = "Content will be removed from all images referencing this variant. Use --force to force delete.";
            return Err(EngineError::new(ErrorKind::Conflict, text));
        }
        let query = ImageQuery::parse(image)
            .map_err(|malformed| EngineError::new(ErrorKind::Invalid, malformed))?;
        let mut outcome = Ok(());
        for platform in platforms {
            outcome = engine.inspect(&query, Some(platform)).map(drop);
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
    }
    engine.remove_image(image, options)
}

fn lines(events: &[RemoveEvent]) -> String {
    events
        .iter()
        .fold(String::new(), |text, event| format!("{text}{event}\n"))
}
