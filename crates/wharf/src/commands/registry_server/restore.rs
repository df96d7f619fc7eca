//! `wharf registry restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_registry::backup::{read_summary, restore};
use wharf_registry::db::SchemaWish;
use wharf_registry::{Clock, DataFolder};

use crate::arguments::{Command, Flag, Matches, Run, Work};
use crate::session::Session;

use super::options::{CONFIG, DATA, usable_config};
use super::{authority_files, parts};

const FROM: Flag = Flag::text("from", "Folder of the backup");

pub(super) const COMMAND: Command = Command {
    name: "restore",
    synopsis: "--from DIR [OPTIONS]",
    summary: "Make a registry from a backup",
    description: "Make a registry from a backup, in an empty database and an empty storage. They may be of another kind than \
        those that the backup was made of. Every byte is compared with its digest.",
    flags: &[CONFIG, DATA, FROM],
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(make(session, matches))
}

async fn make(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let from = matches
        .some_text(&FROM)
        .context("--from is needed: the folder of the backup")?;
    let from = PathBuf::from(from);
    let summary = read_summary(&from)?;
    let config = usable_config(matches)?;
    let clock = Clock::system();
    let _data_is_ours = DataFolder::take(&config.data)?;
    let storage = parts::open_storage(&config).await?;
    let wish = SchemaWish::MadeAt(summary.schema);
    let database = parts::open_database_with(&config, &clock, wish)?;
    restore(&from, &summary, &database, &storage).await.context(
        "the backup cannot be restored; empty the database and the storage before another attempt",
    )?;
    authority_files::copy(&from.join("tls"), &config.tls_folder())
        .context("the registry's authority cannot be copied")?;
    session.printer().line(&format!(
        "{} rows, {} blobs and {} bytes are restored; start the registry",
        summary.rows, summary.blobs, summary.blob_bytes
    ))?;
    Ok(ExitCode::SUCCESS)
}
