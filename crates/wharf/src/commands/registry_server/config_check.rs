//! `wharf registry config check`.

use std::process::ExitCode;

use wharf_registry::config::{RegistryConfig, TlsMode};

use crate::arguments::{Command, Matches, Run};
use crate::config::Remark;
use crate::session::Session;

use super::options::{CONFIG, DATA, EXTERNAL_URL, INSECURE_HTTP, LISTEN, registry_file};

pub(super) const COMMAND: Command = Command {
    name: "check",
    synopsis: "[OPTIONS]",
    summary: "Say what is wrong or dangerous in a configuration",
    description: "Say what is wrong or dangerous in a configuration: each mistake with its file, line, cause and \
        remedy. The files that it names are looked at; nothing is changed or connected to. It exits with 1 if the \
        registry would not start.",
    flags: &[CONFIG, DATA, EXTERNAL_URL, INSECURE_HTTP, LISTEN],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let file = registry_file(matches)?;
    let remarks = file.remarks();
    for remark in &remarks {
        session.printer().line(&remark.to_string())?;
    }
    let errors = remarks
        .iter()
        .filter(|remark| Remark::is_error(remark))
        .count();
    match errors {
        0 => {}
        1 => anyhow::bail!("the configuration has a mistake: the registry would not start"),
        many => {
            anyhow::bail!("the configuration has {many} mistakes: the registry would not start")
        }
    }
    session.printer().out(&summary(&file.config))?;
    Ok(ExitCode::SUCCESS)
}

/// What the registry would do.
fn summary(config: &RegistryConfig) -> String {
    let scheme = match config.tls_mode() {
        TlsMode::Off => "http",
        TlsMode::Files | TlsMode::OwnAuthority => "https",
    };
    let certificate = match (config.tls_mode(), &config.tls.certificate) {
        (TlsMode::Files, Some(certificate)) => certificate.display().to_string(),
        (TlsMode::OwnAuthority, _) => {
            format!(
                "from the registry's own authority in {}",
                config.tls_folder().display()
            )
        }
        _ => "none".to_owned(),
    };
    let storage = match &config.storage.s3 {
        Some(s3) => format!("bucket {}", s3.bucket),
        None => config.storage_folder().display().to_string(),
    };
    let database = match config.database.url {
        Some(_) => "PostgreSQL".to_owned(),
        None => config.database_file().display().to_string(),
    };
    format!(
        "serves       {scheme}://{}\ncertificate  {certificate}\nstorage      {storage}\ndatabase     {database}\n",
        config.listen
    )
}
