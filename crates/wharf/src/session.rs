//! One call of the program: its environment, options, configuration and output. What a command does not need is not
//! made: `wharf version` reads no file.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::arguments::{Matches, Work};
use crate::commands::global_options::{CONFIG, DEBUG, HOST, LOG_FORMAT, LOG_LEVEL, ROOT_FOLDER};
use crate::config::{Configuration, DockerConfig};
use crate::environment::Environment;
use crate::logging::{self, LogWishes};
use crate::printer::Printer;
use crate::privilege::is_machine_root;

/// What commands work with.
#[derive(Debug)]
pub(crate) struct Session {
    environment: Environment,
    printer: Arc<Printer>,
    configuration: Configuration,
    docker_config_folder: PathBuf,
    docker_config: OnceCell<DockerConfig>,
}

/// Scripts made for Docker that name a daemon.
#[derive(Debug, thiserror::Error)]
#[error(
    "wharf works without a daemon: there is nothing that --host could connect to; leave it out"
)]
struct NoHost;

impl Session {
    /// Understands the options of the program and starts to log. The printer comes back if that fails.
    pub(crate) fn start(
        environment: Environment,
        printer: Printer,
        globals: &Matches,
    ) -> Result<Self, (Printer, anyhow::Error)> {
        match Self::prepare(&environment, globals) {
            Ok((configuration, docker_config_folder)) => Ok(Self {
                environment,
                printer: Arc::new(printer),
                configuration,
                docker_config_folder,
                docker_config: OnceCell::new(),
            }),
            Err(failure) => Err((printer, failure)),
        }
    }

    fn prepare(
        environment: &Environment,
        globals: &Matches,
    ) -> anyhow::Result<(Configuration, PathBuf)> {
        if globals.is_given(&HOST) {
            return Err(NoHost.into());
        }
        let root_option = globals.some_text(&ROOT_FOLDER).map(PathBuf::from);
        let configuration = Configuration::load(environment, root_option, is_machine_root())?;
        let debug = globals.is_set(&DEBUG).then_some("debug");
        logging::start(&LogWishes {
            level_option: globals.some_text(&LOG_LEVEL).or(debug),
            filters: environment.wharf_log.as_deref(),
            level_file: configuration.log_level.as_deref(),
            format: globals
                .some_text(&LOG_FORMAT)
                .or(configuration.log_format.as_deref()),
        })?;
        let docker_config_folder = match globals.some_text(&CONFIG) {
            Some(folder) => PathBuf::from(folder),
            None => environment
                .docker_config_folder()
                .unwrap_or_else(|| "/nonexistent".into()),
        };
        Ok((configuration, docker_config_folder))
    }

    /// Runs the work of a networked command to its end: the one place that starts an async runtime.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that starts a runtime"
    )]
    pub(crate) fn wait_for(&self, work: Work<'_>) -> anyhow::Result<ExitCode> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(work)
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

    /// The folder of Docker's `config.json`.
    pub(crate) fn docker_config_folder(&self) -> &PathBuf {
        &self.docker_config_folder
    }

    /// What Docker's `config.json` says about output and pruning.
    pub(crate) fn docker_config(&self) -> anyhow::Result<&DockerConfig> {
        if let Some(read) = self.docker_config.get() {
            return Ok(read);
        }
        let read = DockerConfig::read(&self.docker_config_folder)?;
        Ok(self.docker_config.get_or_init(|| read))
    }
}
