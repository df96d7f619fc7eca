//! `wharf images`: what the store holds.

use std::process::ExitCode;

use wharf_images::ImageSummary;
use wharf_template::{Format, FormatError, Formatter};

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::TABLE_FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::exit;
use crate::filters::FilterTerms;
use crate::formatting::Moment;
use crate::formatting::image_tree::image_tree_text;
use crate::formatting::images::{self, ImageView};
use crate::session::Session;

/// How wide a tree is where there is no terminal.
const TREE_COLUMNS: usize = 80;

const ALL: Flag =
    Flag::switch("all", "Show all images (default hides intermediate images)").letter('a');
const DIGESTS: Flag = Flag::switch("digests", "Show digests");
const FILTER: Flag =
    Flag::filter("filter", "Filter output based on conditions provided").letter('f');
const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Don't truncate output");
const QUIET: Flag = Flag::switch("quiet", "Only show image IDs").letter('q');
const TREE: Flag = Flag::switch(
    "tree",
    "List multi-platform images as a tree (EXPERIMENTAL)",
);

pub(crate) const COMMAND: Command = Command {
    name: "ls",
    other_names: &["list"],
    spellings: &["wharf image ls", "wharf image list", "wharf images"],
    synopsis: "[OPTIONS] [REPOSITORY[:TAG]]",
    summary: "List images",
    flags: &[ALL, DIGESTS, FILTER, FORMAT, NO_TRUNC, QUIET, TREE],
    positionals: Positionals::AtMost(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    if matches.is_set(&TREE) {
        return tree(session, matches);
    }
    // Only a format of one's own saves reading the configuration. A damaged one costs no more than the usual format.
    let configured = if matches.is_given(&FORMAT) {
        ""
    } else {
        match session.docker_config() {
            Ok(configuration) => &configuration.images_format,
            Err(failure) => {
                session
                    .printer()
                    .error_line(&format!("WARNING: {}", exit::text(&failure)));
                ""
            }
        }
    };
    let argument = argument(matches);
    let moment = Moment::present();
    let terms = FilterTerms::new(matches.list(&FILTER));
    let filter = terms
        .to_list_filter(matches.is_set(&ALL), argument, &moment.zoned())
        .found_by_daemon()?;
    let listing = Listing::new(matches, configured, moment);
    let images = session.engine().images(&filter).found_by_daemon()?;
    let found_nothing = images.is_empty();
    session.printer().out_bytes(&listing.print(images)?)?;
    if found_nothing && matches.called_as == "wharf images" {
        hint(session, argument);
    }
    Ok(ExitCode::SUCCESS)
}

/// What each name points to, with what of it is here.
fn tree(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for (given, name) in [
        (matches.is_set(&QUIET), "--quiet"),
        (matches.is_set(&NO_TRUNC), "--no-trunc"),
        (matches.is_set(&DIGESTS), "--show-digest"),
        (matches.is_given(&FORMAT), "--format"),
    ] {
        anyhow::ensure!(!given, "{name} is not yet supported with --tree");
    }
    let engine = session.engine();
    let filter = FilterTerms::new(matches.list(&FILTER)).to_list_filter(
        matches.is_set(&ALL),
        argument(matches),
        &Moment::present().zoned(),
    );
    let images = engine
        .images(&filter.found_by_daemon()?)
        .found_by_daemon()?;
    let mut trees = Vec::with_capacity(images.len());
    for image in &images {
        trees.extend(engine.image_trees(image).found_by_daemon()?);
    }
    let printer = session.printer();
    let columns = match printer.terminal_columns() {
        0 => TREE_COLUMNS,
        columns => columns,
    };
    printer.out(&image_tree_text(&trees, columns))?;
    Ok(ExitCode::SUCCESS)
}

/// The name or pattern that was given; an empty one is none.
fn argument(matches: &Matches) -> Option<&str> {
    let argument = matches.arguments.first().map(String::as_str);
    argument.filter(|argument| !argument.is_empty())
}

/// How the images are to be printed.
pub(crate) struct Listing {
    // Docker asks for the images before it looks at the format, so a mistake in the format is told second.
    formatter: Result<Formatter, FormatError>,
    view: ImageView,
}

impl Listing {
    /// What the options say; `configured` is the format of Docker's `config.json`.
    pub(crate) fn new(matches: &Matches, configured: &str, moment: Moment) -> Self {
        let quiet = matches.is_set(&QUIET);
        let format = match matches.text(&FORMAT) {
            "" if quiet => "",
            "" => configured,
            format => format,
        };
        let digests = matches.is_set(&DIGESTS);
        let formatter = images::formatter(&Format::parse(format), quiet, digests);
        let truncate = !matches.is_set(&NO_TRUNC);
        let mut listing = Self {
            formatter,
            view: ImageView {
                truncate,
                digests,
                containers: false,
                moment,
            },
        };
        listing.view.digests |= listing.shows(".Digest");
        listing
    }

    fn shows(&self, part: &str) -> bool {
        self.formatter
            .as_ref()
            .is_ok_and(|formatter| formatter.contains(part))
    }

    /// The output.
    pub(crate) fn print(self, images: Vec<ImageSummary>) -> Result<Vec<u8>, FormatError> {
        self.formatter?
            .write(images::titles(), self.view.rows(images))
    }
}

/// People type `wharf images ls`, which asks for images that are called `ls`.
fn hint(session: &Session, argument: Option<&str>) {
    if let Some(
        word @ ("inspect" | "list" | "ls" | "prune" | "pull" | "push" | "rm" | "tag" | "save"
        | "load"),
    ) = argument
    {
        let text =
            format!("\nNo images found matching {word:?}: did you mean \"wharf image {word}\"?");
        session.printer().error_line(&text);
    }
}
