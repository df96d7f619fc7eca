//! `wharf network ls`: the networks.

use std::process::ExitCode;

use wharf_engine::{Engine, Network};
use wharf_template::Format;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::TABLE_FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::{FilterTerms, name_fits};
use crate::formatting::Moment;
use crate::formatting::networks::{self, NetworkRow};
use crate::session::Session;

const FILTER: Flag =
    Flag::filter("filter", "Provide filter values (e.g. \"driver=bridge\")").letter('f');
const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Do not truncate the output");
const QUIET: Flag = Flag::switch("quiet", "Only display network IDs").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "ls",
    other_names: &["list"],
    spellings: &["wharf network ls", "wharf network list"],
    synopsis: "[OPTIONS]",
    summary: "List networks",
    flags: &[FILTER, FORMAT, NO_TRUNC, QUIET],
    positionals: Positionals::None,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let terms = FilterTerms::new(matches.list(&FILTER));
    let mut shown = shown(session.engine(), &terms).found_by_daemon()?;
    shown.sort_by(|a, b| networks::natural_order(&a.name, &b.name));
    let format = Format::parse(matches.text(&FORMAT));
    let formatter = networks::formatter(&format, matches.is_set(&QUIET))?;
    let (truncate, moment) = (!matches.is_set(&NO_TRUNC), Moment::present());
    let rows = shown
        .into_iter()
        .map(|network| NetworkRow::value(network, truncate, &moment));
    let text = formatter.write(networks::titles(), rows)?;
    session.printer().out_bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The networks that the filter lets through (moby, `daemon/network/filter.go`).
fn shown(engine: &Engine, terms: &FilterTerms) -> anyhow::Result<Vec<Network>> {
    terms.accept_only(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
    let dangling = terms.boolean("dangling")?;
    let labels = terms.labels("label");
    for kind in terms.values("type") {
        anyhow::ensure!(
            matches!(kind.as_ref(), "builtin" | "custom"),
            "invalid filter: 'type'='{kind}'"
        );
    }
    let any_of = |key: &str, fits: &dyn Fn(&str) -> bool| {
        let values = terms.values(key);
        values.is_empty() || values.iter().any(|value| fits(value))
    };
    let meant = engine.networks()?.into_iter().filter(|network| {
        let used = network.is_predefined() || !network.places.is_empty();
        any_of("driver", &|driver| network.driver == driver)
            && any_of("id", &|id| network.id.starts_with(id))
            && any_of("name", &|name| name_fits(&network.name, name))
            && any_of("scope", &|scope| scope == "local")
            && any_of("type", &|kind| {
                (kind == "builtin") == network.is_predefined()
            })
            && labels
                .iter()
                .all(|label| networks::has_label(network, label))
            && dangling.is_none_or(|wanted| wanted != used)
    });
    Ok(meant.collect())
}
