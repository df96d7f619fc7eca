//! `wharf search`: repositories of a registry by words.

use std::process::ExitCode;

use wharf_registry_client::{SearchFilters, SearchResult};
use wharf_template::{Format, FormatError, Value};

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::{FilterError, FilterTerms};
use crate::formatting::search::{self, SearchRow};
use crate::session::Session;

const FILTER: Flag =
    Flag::filter("filter", "Filter output based on conditions provided").letter('f');
const FORMAT: Flag = Flag::text("format", "Pretty-print search using a Go template");
const LIMIT: Flag = Flag::number("limit", "Max number of search results");
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Don't truncate output");

pub(crate) const COMMAND: Command = Command {
    name: "search",
    synopsis: "[OPTIONS] TERM",
    summary: "Search Docker Hub for images",
    flags: &[FILTER, FORMAT, LIMIT, NO_TRUNC],
    positionals: Positionals::Exactly(1),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(search(session, matches))
}

async fn search(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let terms = FilterTerms::new(matches.list(&FILTER));
    if terms.has("is-automated") {
        session.printer().error_line(
            "WARNING: the \"is-automated\" filter is deprecated, and searching for \"is-automated=true\" will not \
             yield any results in future.",
        );
    }
    let filters = filters(&terms).found_by_daemon()?;
    // A negative limit is as far from what is allowed as too great a one.
    let limit = u32::try_from(matches.number(&LIMIT)).unwrap_or(u32::MAX);
    let client = session.engine().client().found_by_daemon()?;
    let results = client
        .search(matches.argument(0), limit, filters)
        .await
        .found_by_daemon()?;
    session.printer().out_bytes(&output(matches, results)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The results as the options want them.
pub(crate) fn output(
    matches: &Matches,
    results: Vec<SearchResult>,
) -> Result<Vec<u8>, FormatError> {
    let format = matches.text(&FORMAT);
    let as_json = format.contains("json");
    let truncate = !matches.is_set(&NO_TRUNC);
    let rows = results
        .into_iter()
        .map(|result| row(result, truncate, as_json));
    search::formatter(&Format::parse(format))?.write(search::titles(), rows)
}

fn filters(terms: &FilterTerms) -> Result<SearchFilters, FilterError> {
    terms.accept_only(&["is-automated", "is-official", "stars"])?;
    let mut stars = None;
    for text in terms.values("stars") {
        let number = text.parse().map_err(|_no_number| FilterError::BadText {
            key: "stars",
            value: text.clone(),
        })?;
        stars = stars.max(Some(number));
    }
    Ok(SearchFilters {
        is_official: terms.boolean("is-official")?,
        is_automated: terms.boolean("is-automated")?,
        stars,
    })
}

fn row(result: SearchResult, truncate: bool, as_json: bool) -> Value {
    Value::object(SearchRow {
        name: result.name,
        description: result.description,
        stars: result.star_count,
        is_official: result.is_official,
        truncate,
        as_json,
    })
}
