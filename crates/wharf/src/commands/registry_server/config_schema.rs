//! `wharf registry config schema`.

use std::process::ExitCode;

use wharf_registry::config::RegistryConfig;

use crate::arguments::{Command, Matches, Run};
use crate::session::Session;

pub(super) const COMMAND: Command = Command {
    name: "schema",
    synopsis: "",
    summary: "Print the JSON Schema of wharf-registry.toml",
    description: "Print the JSON Schema of wharf-registry.toml, for editors and for programs that write it.",
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, _matches: &Matches) -> anyhow::Result<ExitCode> {
    let schema = serde_json::to_string_pretty(&RegistryConfig::schema())?;
    session.printer().line(&schema)?;
    Ok(ExitCode::SUCCESS)
}
