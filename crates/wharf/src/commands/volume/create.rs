//! `wharf volume create`: a volume is made, unless it is there.

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

const DRIVER: Flag =
    Flag::text("driver", "Specify volume driver name (default \"local\")").letter('d');
const LABEL: Flag = Flag::list("label", "Set metadata for a volume");
const NAME: Flag = Flag::text("name", "Specify volume name").hidden();
const OPTIONS: Flag = Flag::list("opt", "Set driver specific options (default map[])")
    .letter('o')
    .takes("map");

/// What Docker's flags for volumes of swarms have for a text here, which no help shows.
const OF_SWARMS: &str = "Of cluster volumes";

const fn of_swarms(name: &'static str) -> Flag {
    Flag::text(name, OF_SWARMS).hidden()
}

pub(crate) const COMMAND: Command = Command {
    name: "create",
    synopsis: "[OPTIONS] [VOLUME]",
    summary: "Create a volume",
    flags: &[
        DRIVER,
        LABEL,
        NAME,
        OPTIONS,
        of_swarms("availability"),
        of_swarms("group"),
        of_swarms("limit-bytes"),
        of_swarms("required-bytes"),
        of_swarms("scope"),
        of_swarms("secret"),
        of_swarms("sharing"),
        of_swarms("topology-preferred"),
        of_swarms("topology-required"),
        of_swarms("type"),
    ],
    positionals: Positionals::AtMost(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let of_swarms = COMMAND.flags.iter().filter(|flag| flag.usage == OF_SWARMS);
    for flag in of_swarms {
        anyhow::ensure!(
            !matches.is_given(flag),
            "--{} is not supported: there are no swarms, volumes are folders of this machine",
            flag.name
        );
    }
    let argument = matches.argument(0);
    let option = matches.text(&NAME);
    anyhow::ensure!(
        argument.is_empty() || option.is_empty() || argument == option,
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg"
    );
    let name = if argument.is_empty() {
        option
    } else {
        argument
    };
    let driver = matches.some_text(&DRIVER).unwrap_or("local");
    if driver != "local" {
        let missing = format!(
            "create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found"
        );
        Err(anyhow::Error::msg(missing)).found_by_daemon()?;
    }
    let volume = session
        .engine()
        .create_volume(
            name,
            pairs(matches.list(&LABEL)),
            pairs(matches.list(&OPTIONS)),
        )
        .found_by_daemon()?;
    session.printer().line(&volume.name)?;
    Ok(ExitCode::SUCCESS)
}

fn pairs(texts: &[String]) -> BTreeMap<String, String> {
    texts
        .iter()
        .map(|text| text.split_once('=').unwrap_or((text, "")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
