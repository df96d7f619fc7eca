//! `wharf ps`: the containers.

use std::process::ExitCode;

use wharf_engine::Container;
use wharf_template::Format;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::commands::format_option::TABLE_FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::ContainerFilter;
use crate::formatting::Moment;
use crate::formatting::containers::{self, ContainerView};
use crate::session::Session;

const ALL: Flag =
    Flag::switch("all", "Show all containers (default shows just running)").letter('a');
const FILTER: Flag =
    Flag::filter("filter", "Filter output based on conditions provided").letter('f');
const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const LAST: Flag = Flag::number(
    "last",
    "Show n last created containers (includes all states)",
)
.letter('n')
.default("-1");
const LATEST: Flag = Flag::switch(
    "latest",
    "Show the latest created container (includes all states)",
)
.letter('l');
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Don't truncate output");
const QUIET: Flag = Flag::switch("quiet", "Only display container IDs").letter('q');
const SIZE: Flag = Flag::switch("size", "Display total file sizes").letter('s');

pub(crate) const COMMAND: Command = Command {
    name: "ls",
    other_names: &["list", "ps"],
    spellings: &[
        "wharf container ls",
        "wharf container list",
        "wharf container ps",
        "wharf ps",
    ],
    synopsis: "[OPTIONS]",
    summary: "List containers",
    flags: &[ALL, FILTER, FORMAT, LAST, LATEST, NO_TRUNC, QUIET, SIZE],
    positionals: Positionals::None,
    run: Run::Local(run),
    files: Files::TouchedWith(&SIZE),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let quiet = matches.is_set(&QUIET);
    let configured = if quiet || matches.is_given(&FORMAT) {
        ""
    } else {
        session.docker_config()?.ps_format.as_str()
    };
    let format = match matches.text(&FORMAT) {
        "" => configured,
        format => format,
    };
    let filter = ContainerFilter::new(matches.list(&FILTER)).found_by_daemon()?;
    let engine = session.engine();
    let filter = filter.with_network_names(|text| Some(engine.network(text).ok()?.name));
    let all = engine.containers().found_by_daemon()?;
    let last = match (matches.is_set(&LATEST), matches.number(&LAST)) {
        (true, _) => 1,
        (false, number) => usize::try_from(number).unwrap_or(0),
    };
    let every_state = matches.is_set(&ALL) || last > 0 || filter.names_states();
    let mut shown: Vec<Container> = filter
        .apply(all)
        .found_by_daemon()?
        .into_iter()
        .filter(|container| every_state || container.state.status.is_alive())
        .collect();
    if last > 0 {
        shown.truncate(last);
    }
    let formatter = containers::formatter(&Format::parse(format), quiet, matches.is_set(&SIZE))?;
    let view = ContainerView {
        engine,
        truncate: !matches.is_set(&NO_TRUNC),
        sizes: matches.is_set(&SIZE) || formatter.contains(".Size"),
        moment: Moment::present(),
    };
    let rows = shown
        .into_iter()
        .map(|container| view.row(container))
        .collect::<Result<Vec<_>, _>>()
        .found_by_daemon()?;
    let text = formatter.write(containers::titles(), rows)?;
    session.printer().out_bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}
