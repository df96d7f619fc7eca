//! `wharf volume ls`: the volumes.

use std::process::ExitCode;

use wharf_engine::{Engine, EngineError, Volume};
use wharf_template::Format;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::TABLE_FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::FilterTerms;
use crate::formatting::volumes::{self, VolumeRow};
use crate::session::Session;

const CLUSTER: Flag = Flag::switch("cluster", "Display only cluster volumes").hidden();
const FILTER: Flag =
    Flag::filter("filter", "Provide filter values (e.g. \"dangling=true\")").letter('f');
const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const QUIET: Flag = Flag::switch("quiet", "Only display volume names").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "ls",
    other_names: &["list"],
    spellings: &["wharf volume ls", "wharf volume list"],
    synopsis: "[OPTIONS]",
    summary: "List volumes",
    flags: &[CLUSTER, FILTER, FORMAT, QUIET],
    positionals: Positionals::None,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !matches.is_set(&CLUSTER),
        "--cluster is not supported: there are no swarms"
    );
    let terms = FilterTerms::new(matches.list(&FILTER));
    let shown = shown(session.engine(), &terms).found_by_daemon()?;
    let format = Format::parse(matches.text(&FORMAT));
    let formatter = volumes::formatter(&format, matches.is_set(&QUIET))?;
    let rows = shown.into_iter().map(VolumeRow::plain);
    let text = formatter.write(volumes::titles(), rows)?;
    session.printer().out_bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The volumes that the filter lets through (moby, `volume/service/convert.go`).
fn shown(engine: &Engine, terms: &FilterTerms) -> anyhow::Result<Vec<Volume>> {
    terms.accept_only(&["dangling", "driver", "label", "name"])?;
    let dangling = terms.boolean("dangling")?;
    let labels = terms.labels("label");
    let any_of = |key: &str, fits: &dyn Fn(&str) -> bool| {
        let values = terms.values(key);
        values.is_empty() || values.iter().any(|value| fits(value))
    };
    let meant = engine.volumes()?.into_iter().filter(|volume| {
        any_of("driver", &|driver| driver == "local")
            && any_of("name", &|name| volume.name.contains(name))
            && labels.iter().all(|label| volumes::has_label(volume, label))
    });
    let fits = |volume: Volume| -> Option<Result<Volume, EngineError>> {
        let Some(wanted) = dangling else {
            return Some(Ok(volume));
        };
        match engine.volume_users(&volume.name) {
            Ok(users) => (users.is_empty() == wanted).then_some(Ok(volume)),
            Err(error) => Some(Err(error)),
        }
    };
    Ok(meant.filter_map(fits).collect::<Result<_, _>>()?)
}
