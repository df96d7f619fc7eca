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

const AVAILABILITY: Flag = of_swarms("availability");
const GROUP: Flag = of_swarms("group");
const LIMIT_BYTES: Flag = of_swarms("limit-bytes");
const REQUIRED_BYTES: Flag = of_swarms("required-bytes");
const SCOPE: Flag = of_swarms("scope");
const SECRET: Flag = of_swarms("secret");
const SHARING: Flag = of_swarms("sharing");
const TOPOLOGY_PREFERRED: Flag = of_swarms("topology-preferred");
const TOPOLOGY_REQUIRED: Flag = of_swarms("topology-required");
const TYPE: Flag = of_swarms("type");

const fn of_swarms(name: &'static str) -> Flag {
    Flag::text(name, "Of cluster volumes").hidden()
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
        // Docker's for volumes of swarms, which no help shows here.
        AVAILABILITY,
        GROUP,
        LIMIT_BYTES,
        REQUIRED_BYTES,
        SCOPE,
        SECRET,
        SHARING,
        TOPOLOGY_PREFERRED,
        TOPOLOGY_REQUIRED,
        TYPE,
    ],
    positionals: Positionals::AtMost(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for flag in &[
        AVAILABILITY,
        GROUP,
        LIMIT_BYTES,
        REQUIRED_BYTES,
        SCOPE,
        SECRET,
        SHARING,
        TOPOLOGY_PREFERRED,
        TOPOLOGY_REQUIRED,
        TYPE,
    ] {
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
