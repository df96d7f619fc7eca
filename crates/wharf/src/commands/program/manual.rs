//! `wharf man DIRECTORY`: the manual pages, or the reference in `docs/cli`, out of the table of commands.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::arguments::{
    Command, CommandPath, Flag, Group, Matches, Positionals, Run, manual_page, markdown_page,
};
use crate::commands::ROOT;
use crate::environment::VARIABLES;
use crate::session::Session;

const MARKDOWN: Flag = Flag::switch(
    "markdown",
    "Write the Markdown pages of docs/cli instead of manual pages",
);

pub(crate) const COMMAND: Command = Command {
    name: "man",
    synopsis: "[OPTIONS] DIRECTORY",
    summary: "Write the manual pages into a directory",
    flags: &[MARKDOWN],
    positionals: Positionals::Exactly(1),
    group: Group::Hidden,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(_session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let folder = Path::new(matches.argument(0));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let markdown = matches.is_set(&MARKDOWN);
    for (name, page) in pages(markdown) {
        let path = folder.join(name);
        #[expect(
            clippy::disallowed_methods,
            reason = "generated pages: half a page is replaced by the next run"
        )]
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Every page with its file name.
fn pages(markdown: bool) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut waiting = vec![CommandPath::root(&ROOT)];
    while let Some(path) = waiting.pop() {
        let name = path.words.replace(' ', "-");
        pages.push(if markdown {
            (format!("{name}.md"), markdown_page(&path))
        } else {
            (
                format!("{name}.1"),
                manual_page(&path, env!("CARGO_PKG_VERSION")),
            )
        });
        let shown = path
            .command
            .subcommands
            .iter()
            .filter(|command| command.group != Group::Hidden);
        waiting.extend(shown.map(|command| path.down(command)));
    }
    if markdown {
        pages.push(("environment.md".to_owned(), environment_page()));
    }
    pages
}

fn environment_page() -> String {
    let mut page = "# Environment variables\n\n\
         An empty variable is one that is not set. Options win over variables, variables over files.\n\n\
         | variable | meaning |\n|---|---|\n"
        .to_owned();
    for variable in VARIABLES {
        let names = variable.name.replace(", ", "`, `");
        _ = writeln!(page, "| `{names}` | {} |", variable.meaning);
    }
    page
}
