//! `wharf login`: proves who you are to a registry, and keeps the proof.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_registry_client::{
    Credentials, DockerCredentials, LoginError, Secret, StoredIn, registry_domain,
};

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::daemon_words::FoundByDaemon as _;
use crate::prompt;
use crate::session::Session;

/// A password longer than this is none.
const MAX_PASSWORD_BYTES: u64 = 1 << 20;
/// What people are told who log in to Docker Hub.
const HUB_ADVICE: &str = "Log in with your Docker ID or email address to push and pull images from Docker Hub. \
     If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.";

const PASSWORD: Flag =
    Flag::text("password", "Password or Personal Access Token (PAT)").letter('p');
const PASSWORD_STDIN: Flag = Flag::switch(
    "password-stdin",
    "Take the Password or Personal Access Token (PAT) from stdin",
);
const USERNAME: Flag = Flag::text("username", "Username").letter('u');

pub(crate) const COMMAND: Command = Command {
    name: "login",
    synopsis: "[OPTIONS] [SERVER]",
    summary: "Authenticate to a registry",
    description: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
    flags: &[PASSWORD, PASSWORD_STDIN, USERNAME],
    positionals: Positionals::AtMost(1),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(login(session, matches))
}

async fn login(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let (username, password) = given(session, matches)?;
    let domain = registry_domain(matches.argument(0));
    let mut store = session.credential_files().open()?;
    let mut known_username = String::new();
    if username.is_empty()
        && password.is_empty()
        && let Credentials::Password { username, password } = store.get(&domain).await?
    {
        if try_stored(session, &domain, &username, &password).await? {
            session.printer().line("Login Succeeded")?;
            return Ok(ExitCode::SUCCESS);
        }
        known_username = username;
    }
    let (username, password) = ask(session, &domain, username, password, &known_username)?;
    let credentials = Credentials::Password {
        username: username.clone(),
        password,
    };
    let outcome = session
        .engine()
        .client()?
        .login(&domain, &credentials)
        .await
        .found_by_daemon()?;
    // A token server may give a token to keep instead of the password.
    let kept = outcome
        .identity_token
        .map_or(credentials, Credentials::IdentityToken);
    let place = store
        .store(&domain, &username, &kept)
        .await
        .context("Error saving credentials")?;
    store.file.save().context("Error saving credentials")?;
    if place == StoredIn::File && matches!(kept, Credentials::Password { .. }) {
        warn_of_plain_storage(session, &store);
    }
    session.printer().line(outcome.status)?;
    Ok(ExitCode::SUCCESS)
}

/// Name and password of the command line, or of stdin.
fn given(session: &Session, matches: &Matches) -> anyhow::Result<(String, Secret)> {
    let username = matches.text(&USERNAME).trim().to_owned();
    let from_stdin = matches.is_set(&PASSWORD_STDIN);
    let mut password = Secret::new(matches.text(&PASSWORD));
    anyhow::ensure!(
        password.is_empty() || !from_stdin,
        "conflicting options: cannot specify both --password and --password-stdin"
    );
    anyhow::ensure!(
        !matches.is_given(&USERNAME) || !username.is_empty(),
        "username is empty"
    );
    anyhow::ensure!(
        !matches.is_given(&PASSWORD) || !password.is_empty(),
        "password is empty"
    );
    if !password.is_empty() {
        session
            .printer()
            .error_line("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    if from_stdin {
        anyhow::ensure!(
            !username.is_empty(),
            "the --password-stdin option requires --username to be set"
        );
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .take(MAX_PASSWORD_BYTES)
            .read_to_string(&mut text)
            .context("cannot read stdin")?;
        password = Secret::new(text.trim_end_matches(['\n', '\r']));
    }
    Ok((username, password))
}

/// Whether the registry takes what `config.json` has.
async fn try_stored(
    session: &Session,
    domain: &str,
    username: &str,
    password: &Secret,
) -> anyhow::Result<bool> {
    let printer = session.printer();
    printer.error_line(&format!(
        "Authenticating with existing credentials... [Username: {username}]"
    ));
    printer.note("To login with a different account, run 'wharf logout' followed by 'wharf login'");
    printer.error("\n\n");
    let credentials = Credentials::Password {
        username: username.to_owned(),
        password: password.clone(),
    };
    match session.engine().client()?.login(domain, &credentials).await {
        Ok(_) => return Ok(true),
        Err(LoginError::Refused { .. }) => printer.error("Stored credentials invalid or expired\n"),
        Err(error) => printer.error(&format!("Login did not succeed, error: {error}\n")),
    }
    Ok(false)
}

/// Asks the person for what was not given.
fn ask(
    session: &Session,
    domain: &str,
    username: String,
    password: Secret,
    known_username: &str,
) -> anyhow::Result<(String, Secret)> {
    let printer = session.printer();
    anyhow::ensure!(
        printer.input_is_terminal || !(username.is_empty() || password.is_empty()),
        "Error: Cannot perform an interactive login from a non TTY device"
    );
    let username = if username.is_empty() {
        if domain == "docker.io" {
            printer.line(HUB_ADVICE)?;
        }
        let question = if known_username.is_empty() {
            "Username: ".to_owned()
        } else {
            format!("Username ({known_username}): ")
        };
        let typed = prompt::ask(printer, &question)?;
        if typed.is_empty() {
            known_username.to_owned()
        } else {
            typed
        }
    } else {
        username
    };
    anyhow::ensure!(!username.is_empty(), "Error: Non-null Username Required");
    let password = if password.is_empty() {
        Secret::new(prompt::ask_secret(printer, "Password: ")?.trim())
    } else {
        password
    };
    anyhow::ensure!(!password.is_empty(), "Error: Password Required");
    Ok((username, password))
}

fn warn_of_plain_storage(session: &Session, store: &DockerCredentials) {
    session.printer().error(&format!(
        "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this \
         warning. See\nhttps://docs.docker.com/go/credential-store/\n\n",
        store.file.path().display()
    ));
}
