//! One call of the program: its environment, options, configuration and output. What a command does not need is not
//! made: `wharf version` reads no file.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use wharf_engine::{Caller, Engine, ManifestLists, StoreUse};
use wharf_oci::{Platform, PlatformError};
use wharf_registry::config::LogConfig;
use wharf_registry_client::Secret;
use wharf_runtime::enter_mount_namespace;

use crate::arguments::{Files, Matches, Work};
use crate::commands::global_options::{CONFIG, DEBUG, HOST, LOG_FORMAT, LOG_LEVEL, ROOT_FOLDER};
use crate::config::{Configuration, DockerConfig};
use crate::credentials::CredentialFiles;
use crate::environment::Environment;
use crate::logging::{self, LogStart, LogWishes, LoggingError};
use crate::printer::Printer;
use crate::privilege::is_machine_root;
use crate::settings::engine_settings;
use crate::traces::Traces;

/// What commands work with.
#[derive(Debug)]
pub(crate) struct Session {
    environment: Environment,
    printer: Arc<Printer>,
    configuration: Configuration,
    docker_config_folder: PathBuf,
    docker_config: OnceCell<DockerConfig>,
    engine: OnceCell<Engine>,
    account_name: OnceCell<String>,
    is_machine_root: bool,
    log_wishes: LogWishes,
}

/// Scripts made for Docker that name a daemon.
#[derive(Debug, thiserror::Error)]
#[error(
    "wharf works without a daemon: there is nothing that --host could connect to; leave it out"
)]
struct NoHost;

impl Session {
    /// Understands the options of the program and starts to log, unless that is left to the command. The printer comes back if
    /// that fails.
    pub(crate) fn start(
        environment: Environment,
        printer: Printer,
        globals: &Matches,
        log: LogStart,
    ) -> Result<Self, (Printer, anyhow::Error)> {
        let is_machine_root = is_machine_root();
        match Self::prepare(&environment, globals, is_machine_root, log) {
            Ok((configuration, docker_config_folder, log_wishes)) => Ok(Self {
                environment,
                printer: Arc::new(printer),
                configuration,
                docker_config_folder,
                docker_config: OnceCell::new(),
                engine: OnceCell::new(),
                account_name: OnceCell::new(),
                is_machine_root,
                log_wishes,
            }),
            Err(failure) => Err((printer, failure)),
        }
    }

    fn prepare(
        environment: &Environment,
        globals: &Matches,
        is_machine_root: bool,
        log: LogStart,
    ) -> anyhow::Result<(Configuration, PathBuf, LogWishes)> {
        if globals.is_given(&HOST) {
            return Err(NoHost.into());
        }
        let root_option = globals.some_text(&ROOT_FOLDER).map(PathBuf::from);
        let configuration = Configuration::load(environment, root_option, is_machine_root)?;
        let debug = globals.is_set(&DEBUG).then_some("debug");
        let level_option = globals.some_text(&LOG_LEVEL).or(debug);
        let log_wishes = LogWishes {
            level_option: level_option.map(str::to_owned),
            format_option: globals.some_text(&LOG_FORMAT).map(str::to_owned),
            filters: environment.wharf_log.clone(),
            level_file: configuration.log_level.clone(),
            format_file: configuration.log_format.clone(),
            requests: true,
            audit: true,
        };
        if log == LogStart::Now {
            logging::start(&log_wishes, None)?;
        }
        let docker_config_folder = match globals.some_text(&CONFIG) {
            Some(folder) => PathBuf::from(folder),
            // Nobody's home: nothing is found there, and nothing can be written.
            None => environment
                .docker_config_folder()
                .unwrap_or_else(|| "/dev/null".into()),
        };
        Ok((configuration, docker_config_folder, log_wishes))
    }

    /// Runs the work of a networked command to its end: it and [`Self::serve`] are the places that start an async runtime.
    #[expect(
        clippy::disallowed_methods,
        clippy::unused_self,
        reason = "this is the place that starts a runtime; a session is what a command has"
    )]
    pub(crate) fn wait_for(&self, work: Work<'_>) -> anyhow::Result<ExitCode> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(work)
    }

    /// Runs a service to its end, on all cores.
    #[expect(
        clippy::disallowed_methods,
        clippy::unused_self,
        reason = "this is the place that starts a runtime; a session is what a command has"
    )]
    pub(crate) fn serve(&self, work: Work<'_>) -> anyhow::Result<ExitCode> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(work)
    }

    /// Starts to log as a service's own configuration says, where neither options nor the environment say otherwise.
    pub(crate) fn start_log_of_service(
        &self,
        log: &LogConfig,
        traces: Option<&Traces>,
    ) -> Result<(), LoggingError> {
        logging::start(&self.log_wishes.clone().of_service(log), traces)
    }

    /// What the environment says.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Where to print.
    pub(crate) fn printer(&self) -> &Arc<Printer> {
        &self.printer
    }

    /// What the files say.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// What Docker's `config.json` says about output and pruning.
    pub(crate) fn docker_config(&self) -> anyhow::Result<&DockerConfig> {
        if let Some(read) = self.docker_config.get() {
            return Ok(read);
        }
        let read = DockerConfig::read(&self.docker_config_folder)?;
        Ok(self.docker_config.get_or_init(|| read))
    }

    /// The engine. Nothing is opened before an operation needs it.
    pub(crate) fn engine(&self) -> &Engine {
        self.engine
            .get_or_init(|| Engine::new(engine_settings(self)))
    }

    /// The manifest lists that the user is making.
    pub(crate) fn manifest_lists(&self) -> ManifestLists {
        ManifestLists::new(self.docker_config_folder.join("manifests"))
    }

    /// Where credentials are.
    pub(crate) fn credential_files(&self) -> CredentialFiles {
        CredentialFiles {
            config_file: self.docker_config_folder.join("config.json"),
            overlay: self.environment.docker_auth_config.clone().map(Secret::new),
            search_path: self.environment.path.clone(),
        }
    }

    /// Moves this process to where the store's files belong to somebody, if the command touches any and they are an ordinary user's with
    /// subordinate ids. To be called before there are threads.
    pub(crate) fn enter_namespace(&self, files: Files, matches: &Matches) -> anyhow::Result<()> {
        let wanted = match files {
            Files::Touched => StoreUse::Files,
            Files::TouchedWith(flag) if matches.is_set(flag) => StoreUse::Files,
            Files::TouchedWith(_) | Files::Untouched => StoreUse::Records,
        };
        match self.caller() {
            Some(caller) => Ok(caller.enter_namespace_of(&self.configuration.root, wanted)?),
            None => Ok(()),
        }
    }

    /// Moves this process to a namespace of its own in which it may mount: with the ids that the store's files belong to, or could.
    pub(crate) fn enter_namespace_to_mount(&self) -> anyhow::Result<()> {
        match self.caller() {
            Some(caller) => Ok(caller.enter_namespace_to_mount(&self.configuration.root)?),
            None => Ok(enter_mount_namespace()?),
        }
    }

    /// Whoever calls, unless that is root of the machine.
    pub(crate) fn caller(&self) -> Option<Caller> {
        // In a namespace everybody is root.
        let name = || {
            self.account_name
                .get_or_init(|| self.environment.account_name())
        };
        (!self.is_machine_root).then(|| Caller::of_process(name().clone()))
    }

    /// Whether the store is the machine's, not that of an ordinary user.
    pub(crate) fn is_machine_root(&self) -> bool {
        self.is_machine_root
    }

    #[expect(clippy::unused_self, reason = "a session is what a command asks")]
    /// The platform that the text names, if there is one.
    pub(crate) fn platform(&self, text: Option<&str>) -> Result<Option<Platform>, PlatformError> {
        text.map(str::parse).transpose()
    }

    /// Docker verifies signatures of Notary version 1 if this is asked for. Wharf does not, and says so instead of
    /// taking what was not verified. `disabled` is the value of `--disable-content-trust`, which is true by default.
    pub(crate) fn refuse_content_trust(&self, disabled: bool, given: bool) -> anyhow::Result<()> {
        let variable = self
            .environment
            .docker_content_trust
            .as_deref()
            .unwrap_or_default();
        let wanted_by_variable = matches!(variable, "1" | "t" | "T" | "TRUE" | "true" | "True");
        anyhow::ensure!(
            disabled && (given || !wanted_by_variable),
            "content trust (Notary version 1) is not supported: set --disable-content-trust or unset DOCKER_CONTENT_TRUST"
        );
        Ok(())
    }
}
