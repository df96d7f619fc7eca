//! `wharf create`: a container is made, and not started.

use std::process::ExitCode;

use anyhow::Context as _;
use wharf_engine::{Container, CreateRequest, EngineError, ErrorKind, PullRequest};
use wharf_oci::{Platform, PlatformMatcher, Reference};

use super::run::not_run;
use super::run_flags::{
    CIDFILE, CREATE_FLAGS, DISABLE_CONTENT_TRUST, KERNEL_MEMORY, PLATFORM, PULL, QUIET,
};
use super::run_options::create_request;
use crate::arguments::{Command, Files, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::progress::{Progress, Shown};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "create",
    spellings: &["wharf container create", "wharf create"],
    synopsis: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary: "Create a new container",
    flags: CREATE_FLAGS,
    positionals: Positionals::AtLeast(1),
    interspersed: false,
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let request = create_request(matches, false).map_err(|error| not_run("create", &error))?;
    let container = create(session, matches, request)?;
    session.printer().line(&container.record.id)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the container; pulls its image first where that is wanted.
pub(super) fn create(
    session: &Session,
    matches: &Matches,
    mut request: CreateRequest,
) -> anyhow::Result<Container> {
    let flag = &DISABLE_CONTENT_TRUST;
    session.refuse_content_trust(matches.is_set(flag), matches.is_given(flag))?;
    let platform = wanted_platform(session, matches);
    request.platform = session
        .platform(platform)
        .context("error parsing specified platform")?;
    let cidfile = matches.some_text(&CIDFILE);
    if let Some(file) = cidfile {
        anyhow::ensure!(
            !std::path::Path::new(file).exists(),
            "container ID file found, make sure the other container isn't running or delete {file}"
        );
    }
    let pull_policy = matches.text(&PULL);
    anyhow::ensure!(
        matches!(pull_policy, "always" | "missing" | "never"),
        "invalid pull option: '{pull_policy}': must be one of \"always\", \"missing\" or \"never\""
    );
    let image = request.config.image.clone();
    if pull_policy == "always" {
        pull(session, matches, &image)?;
    }
    let engine = session.engine();
    let created = match engine.create_container(request.clone()) {
        Err(missing) if is_missing_image(&missing) && pull_policy == "missing" => {
            let name = image.parse::<Reference>()?.or_latest();
            let text = format!(
                "Unable to find image '{name}' locally",
                name = name.familiar()
            );
            session.printer().error_line(&text);
            pull(session, matches, &image)?;
            engine.create_container(request)
        }
        other => other,
    };
    let container = created.found_by_daemon()?;
    if matches.is_given(&KERNEL_MEMORY) {
        let text = "WARNING: kernel memory has no limit of its own any more: --kernel-memory discarded, --memory counts it";
        session.printer().error_line(text);
    }
    let host = &container.record.host_config;
    if host.network_mode == "host" && !host.port_bindings.is_empty() {
        let text = "WARNING: Published ports are discarded when using host network mode";
        session.printer().error_line(text);
    }
    if platform.is_none() {
        warn_of_foreign_image(session, &container)?;
    }
    if let Some(file) = cidfile {
        write_id(file, &container.record.id)?;
    }
    Ok(container)
}

/// What was asked for, here or once for all.
fn wanted_platform<'a>(session: &'a Session, matches: &'a Matches) -> Option<&'a str> {
    let usual = session.environment().docker_default_platform.as_deref();
    matches.some_text(&PLATFORM).or(usual)
}

/// Whether there is none, or none for that platform.
fn is_missing_image(error: &EngineError) -> bool {
    let text = error.to_string();
    error.kind() == ErrorKind::NotFound
        && (text.starts_with("No such image")
            || text.contains("does not match the specified platform"))
}

/// Docker's warning about an image that was made for other machines.
fn warn_of_foreign_image(session: &Session, container: &Container) -> anyhow::Result<()> {
    let image = session.engine().container_platform(container)?;
    let host = Platform::host();
    if PlatformMatcher::only(&host).rank(&image).is_none() {
        session.printer().error_line(&format!(
            "WARNING: The requested image's platform ({image}) does not match the detected host platform ({host}) and no specific platform was requested"
        ));
    }
    Ok(())
}

fn write_id(file: &str, id: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let created = std::fs::File::create_new(file);
    created
        .and_then(|mut file| file.write_all(id.as_bytes()))
        .map_err(|error| anyhow::anyhow!("failed to create the container ID file: {error}"))
}

fn pull(session: &Session, matches: &Matches, image: &str) -> anyhow::Result<()> {
    let reference: Reference = image.parse()?;
    let platform = session.platform(wanted_platform(session, matches));
    let request = PullRequest {
        reference: reference.or_latest(),
        platform: platform.found_by_daemon()?,
    };
    let shown = if matches.is_set(&QUIET) {
        Shown::Nothing
    } else {
        Shown::All
    };
    let progress = Progress::new_to_stderr(session.printer(), shown);
    let sink = progress.sink();
    session.wait_for(Box::pin(async {
        let pulled = session.engine().pull(&request, &sink).await;
        pulled.found_by_daemon()?;
        Ok(ExitCode::SUCCESS)
    }))?;
    Ok(())
}
