//! `wharf registry backup`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_registry::Clock;
use wharf_registry::backup::back_up;
use wharf_registry::db::SchemaWish;

use crate::arguments::{Command, Flag, Matches, Run, Work};
use crate::session::Session;

use super::options::{CONFIG, DATA, usable_config};
use super::{authority_files, parts};

const TO: Flag = Flag::text(
    "to",
    "Folder to make the backup in; empty, or not there yet",
);

pub(super) const COMMAND: Command = Command {
    name: "backup",
    synopsis: "--to DIR [OPTIONS]",
    summary: "Make a backup while the registry serves",
    description: "Make a backup while the registry serves: the database as it was at one moment, every blob that it names, and \
        the registry's own authority. Blobs become second names of the same files where the backup lies on the same file system. \
        Run it as the user that the registry runs as. Uploads that are not finished are left out. The backup holds signing keys \
        and hashes of passwords.",
    flags: &[CONFIG, DATA, TO],
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(make(session, matches))
}

async fn make(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let to = matches
        .some_text(&TO)
        .context("--to is needed: the folder to make the backup in")?;
    let to = PathBuf::from(to);
    let config = usable_config(matches)?;
    let clock = Clock::system();
    let database = parts::open_database_with(&config, &clock, SchemaWish::AsItIs)?;
    let storage = parts::open_storage(&config).await?;
    let summary = back_up(&database, &storage, &to, &clock)
        .await
        .context("the backup cannot be made")?;
    copy_authority(&config.tls_folder(), &to)?;
    session.printer().line(&format!(
        "{} rows, {} blobs and {} bytes are in {}",
        summary.rows,
        summary.blobs,
        summary.blob_bytes,
        to.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn copy_authority(from: &Path, backup: &Path) -> anyhow::Result<()> {
    authority_files::copy(from, &backup.join("tls"))
        .context("the registry's authority cannot be copied")
}
