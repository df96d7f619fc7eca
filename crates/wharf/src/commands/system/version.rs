//! `wharf version`.

use std::process::ExitCode;

use serde_json::{Value, json};
use wharf_oci::Platform;

use crate::arguments::{Command, Flag, Matches, Run};
use crate::commands::format_option::FORMAT_USAGE;
use crate::formatting::document::Document;
use crate::formatting::system_types::version_type;
use crate::session::Session;

/// The release of Wharf.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The Docker API whose words and documents Wharf speaks.
const API_VERSION: &str = "1.50";
const MIN_API_VERSION: &str = "1.24";

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "version",
    synopsis: "[OPTIONS]",
    summary: "Show the Wharf version information",
    flags: &[FORMAT],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let platform = Platform::host();
    let Some(format) = matches.some_text(&FORMAT) else {
        session.printer().out(&text(&platform))?;
        return Ok(ExitCode::SUCCESS);
    };
    let (output, result) =
        Document::typed(&version_type(), &fields(&platform))?.format("version", format);
    session.printer().out_bytes(&output)?;
    result.map(|()| ExitCode::SUCCESS)
}

/// Scripts ask for the versions of client and server: here both are this program.
fn fields(platform: &Platform) -> Value {
    let client = json!({
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "DefaultAPIVersion": API_VERSION,
        "Os": platform.os,
        "Arch": platform.architecture,
        "Context": "default",
    });
    let server = json!({
        "Platform": {"Name": "Wharf"},
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": platform.os,
        "Arch": platform.architecture,
    });
    json!({ "Client": client, "Server": server })
}

fn text(platform: &Platform) -> String {
    let machine = format!("{}/{}", platform.os, platform.architecture);
    format!(
        "Client: Wharf\n Version:           {VERSION}\n API version:       {API_VERSION}\n OS/Arch:           {machine}\n\n\
         Server: Wharf, in the same program\n Engine:\n  Version:          {VERSION}\n  \
         API version:      {API_VERSION} (minimum version {MIN_API_VERSION})\n  OS/Arch:          {machine}\n"
    )
}
