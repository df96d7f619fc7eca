//! `wharf registry serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use wharf_registry::db::Database;
use wharf_registry::http::{Server, ServerSettings};
use wharf_registry::storage::{LocalStorage, RegistryStorage};
use wharf_registry::{Clock, Registry, Settings};

use crate::arguments::{Command, Flag, Matches, Run, Work};
use crate::session::Session;

const DATA: Flag = Flag::text("data", "Folder of the registry's data");
const LISTEN: Flag = Flag::text("listen", "Address and port to serve on");
const INSECURE_HTTP: Flag = Flag::switch(
    "insecure-http",
    "Serve without TLS on addresses that other machines can reach",
);

pub(crate) const COMMAND: Command = Command {
    name: "serve",
    synopsis: "[OPTIONS]",
    summary: "Serve a registry",
    description: "Serve a registry that every Docker and OCI client can use.",
    flags: &[DATA, INSECURE_HTTP, LISTEN],
    run: Run::Service(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(serve(session, matches))
}

async fn serve(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let data = PathBuf::from(
        matches
            .some_text(&DATA)
            .unwrap_or("/var/lib/wharf-registry"),
    );
    let address = matches.some_text(&LISTEN).unwrap_or("127.0.0.1:5000");
    let address: SocketAddr = address
        .parse()
        .with_context(|| format!("--listen {address} is not an address with a port"))?;
    if !address.ip().is_loopback() && !matches.is_set(&INSECURE_HTTP) {
        bail!("{address} can be reached by other machines: use TLS, or --insecure-http");
    }
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let clock = Clock::system();
    let db = Database::open_sqlite(&data.join("registry.db"), &clock)?;
    let storage = RegistryStorage::Local(LocalStorage::open(&data.join("storage"))?);
    let registry = Registry::open(db, storage, clock, Settings::default()).await?;
    let password = session.environment().registry_admin_password.clone();
    if let Some(made) = registry.prepare_first_start(password).await? {
        session.printer().out(&format!(
            "The first administrator is \"admin\" with the password {made}\nIt is shown this once.\n"
        ))?;
    }
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot serve on {address}"))?;
    let address = listener.local_addr()?;
    session
        .printer()
        .out(&format!("Serving on http://{address}\n"))?;
    let (stop, stopped) = watch::channel(false);
    let looking_after = {
        let (registry, stopped) = (registry.clone(), stopped.clone());
        tokio::spawn(async move { registry.look_after(stopped).await })
    };
    let server = Server::new(registry, ServerSettings::default());
    let serving = server.serve(listener, stopped);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // The server may have ended by itself.
        let _server_may_be_gone = stop.send(true);
    };
    tokio::join!(serving, told);
    looking_after.await?;
    Ok(ExitCode::SUCCESS)
}
