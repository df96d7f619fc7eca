//! `wharf registry serve`.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use wharf_registry::config::RegistryConfig;
use wharf_registry::http::{FollowTrace, Server, ServerSettings};
use wharf_registry::tls::Authority;
use wharf_registry::{Clock, DataFolder};

use crate::arguments::{Command, Matches, Run, Work};
use crate::session::Session;
use crate::traces::{self, Traces};

use super::options::{
    CONFIG, DATA, EXTERNAL_URL, INSECURE_HTTP, LISTEN, registry_file, usable_config,
};
use super::{activation, parts, service_manager};

pub(crate) const COMMAND: Command = Command {
    name: "serve",
    synopsis: "[OPTIONS]",
    summary: "Serve a registry",
    description: "Serve a registry that every Docker and OCI client can use. Options win over the file of --config. \
        On addresses that other machines can reach it speaks TLS: with the certificate of the configuration, or with one from \
        an authority of its own, which it makes at the first start.",
    flags: &[CONFIG, DATA, EXTERNAL_URL, INSECURE_HTTP, LISTEN],
    run: Run::Service(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(serve(session, matches))
}

async fn serve(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let file = registry_file(matches)?;
    let traces = Traces::open(&file.config.traces)?;
    session.start_log_of_service(&file.config.log, traces.as_ref())?;
    let config = usable_config(matches)?;
    // From here on a signal asks for an orderly end.
    let signals = Signals::listen()?;
    let clock = Clock::system();
    let _data_is_ours = DataFolder::take(&config.data)?;
    let registry = parts::open_registry(&config, &clock).await?;
    let password = session.environment().registry_admin_password.clone();
    let made_password = registry.prepare_first_start(password).await?;
    let (encryption, authority) = parts::open_encryption(&config, &clock)?.unzip();
    let authority = authority.flatten();
    let listener = activation::listener(config.listen, session.environment()).await?;
    let address = listener.local_addr()?;
    let figures_listener = match config.metrics.listen {
        Some(address) => Some(activation::bind(address, "metrics.listen").await?),
        None => None,
    };
    let welcome = Welcome {
        config: &config,
        address,
        secure: encryption.is_some(),
        authority: authority.as_ref(),
        made_password,
    };
    session.printer().out(&welcome.text())?;

    let (stop, stopped) = watch::channel(false);
    let looking_after = {
        let (registry, stopped) = (registry.clone(), stopped.clone());
        tokio::spawn(async move { registry.look_after(stopped).await })
    };
    let renewing = tokio::spawn(parts::keep_current(encryption.clone(), stopped.clone()));
    let settings = ServerSettings {
        follow_trace: traces.as_ref().map(|_| traces::follow as FollowTrace),
        ..config.server_settings()
    };
    let server = Server::new(registry, settings);
    let showing_figures = figures_listener.map(|listener| {
        let (server, stopped) = (server.clone(), stopped.clone());
        tokio::spawn(async move { server.serve_metrics(listener, stopped).await })
    });
    let manager = session.environment().notify_socket.as_deref();
    service_manager::tell(manager, "READY=1");
    let told = async {
        signals.wait().await;
        service_manager::tell(manager, "STOPPING=1");
        // The server may have ended by itself.
        let _server_may_be_gone = stop.send(true);
    };
    let serving = async {
        match encryption {
            Some(encryption) => server.serve_encrypted(listener, encryption, stopped).await,
            None => server.serve(listener, stopped).await,
        }
    };
    tokio::join!(serving, told);
    looking_after.await?;
    renewing.await?;
    if let Some(showing_figures) = showing_figures {
        showing_figures.await?;
    }
    if let Some(traces) = traces {
        traces.close();
    }
    Ok(ExitCode::SUCCESS)
}

/// The signals that ask for an orderly end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What is said at the start: what listens where, where the data lies, how to sign in, and whom to trust.
struct Welcome<'a> {
    config: &'a RegistryConfig,
    address: SocketAddr,
    secure: bool,
    authority: Option<&'a Authority>,
    made_password: Option<String>,
}

impl Welcome<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(password) = &self.made_password {
            say(
                &mut text,
                format_args!(
                    "The first administrator is \"admin\" with the password {password}\nIt is shown this once."
                ),
            );
        }
        let scheme = if self.secure { "https" } else { "http" };
        say(
            &mut text,
            format_args!("Serving on {scheme}://{}", self.address),
        );
        say(
            &mut text,
            format_args!("Data is in {}", self.config.data.display()),
        );
        let host = self.host();
        if let Some(authority) = self.authority {
            let certificate = authority.certificate();
            say(
                &mut text,
                format_args!(
                    "Clients trust it when they have {certificate} as /etc/docker/certs.d/{host}/ca.crt",
                    certificate = certificate.display(),
                ),
            );
        }
        say(&mut text, format_args!("Sign in with: docker login {host}"));
        text
    }

    /// Under what name clients reach the registry, as far as is known.
    fn host(&self) -> String {
        if let Some(url) = &self.config.external_url {
            let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
            return host.trim_end_matches('/').to_owned();
        }
        let name = self
            .authority
            .and_then(|authority| authority.names().first());
        match name {
            Some(name) if self.address.ip().is_unspecified() => {
                format!("{name}:{}", self.address.port())
            }
            _ => self.address.to_string(),
        }
    }
}

fn say(text: &mut String, line: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{line}");
}
