//! Programs that keep credentials, `docker-credential-NAME` (docker-credential-helpers `client`): what to
//! do is the argument, about what is on stdin, the answer on stdout.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::credentials::{Credentials, Secret};

/// What helpers say on stdout, failing, when they have nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";
/// Longest answer.
const OUTPUT_LIMIT_BYTES: u64 = 1024 * 1024;
/// How much of an answer is shown in an error.
const EXCERPT_LIMIT: usize = 300;

/// One credential helper.
#[derive(Debug, Clone)]
pub struct CredentialHelper {
    name: String,
    time_limit: Duration,
    search_path: Option<OsString>,
    prepare: fn(&mut std::process::Command),
}

/// What a helper was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperAction {
    /// Give credentials.
    Get,
    /// Take credentials.
    Store,
    /// Forget credentials.
    Erase,
    /// Name the registries.
    List,
}

/// Why a helper was of no use. The texts are Docker's.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The configured name cannot be the name of a program.
    #[error("invalid credential helper name {name:?}")]
    Name {
        /// As configured.
        name: String,
    },
    /// There is no such program.
    #[error("error {} credentials - err: exec: \"docker-credential-{name}\": executable file not found in $PATH, out: ``", .action.word())]
    Missing {
        /// What it was asked to do.
        action: HelperAction,
        /// The helper.
        name: String,
    },
    /// The program does not start.
    #[error("error {} credentials - err: exec: \"docker-credential-{name}\": {source}, out: ``", .action.word())]
    Start {
        /// What it was asked to do.
        action: HelperAction,
        /// The helper.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The program failed.
    #[error("error {} credentials - err: docker-credential-{name}: {status}, out: `{output}`", .action.word())]
    Failed {
        /// What it was asked to do.
        action: HelperAction,
        /// The helper.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        output: String,
    },
    /// The program cannot be spoken to.
    #[error("error {} credentials - err: docker-credential-{name}: {source}", .action.word())]
    Talk {
        /// What it was asked to do.
        action: HelperAction,
        /// The helper.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The program does not come to an end.
    #[error("error {} credentials - err: docker-credential-{name} took longer than {} seconds", .action.word(), .limit.as_secs_f32())]
    Timeout {
        /// What it was asked to do.
        action: HelperAction,
        /// The helper.
        name: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The program's answer is not JSON of the right form. It is not shown: it may hold a secret.
    #[error("error {} credentials - err: docker-credential-{name} gave an invalid answer: {source}", .action.word())]
    Answer {
        /// What it was asked to do.
        action: HelperAction,
        /// The helper.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl HelperAction {
    fn argument(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Store => "store",
            Self::Erase => "erase",
            Self::List => "list",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Get => "getting",
            Self::Store => "storing",
            Self::Erase => "erasing",
            Self::List => "listing",
        }
    }
}

// The field names are the protocol's.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HelperCredentials {
    #[serde(rename = "ServerURL", default)]
    server_url: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl CredentialHelper {
    /// The helper `docker-credential-<name>`, which is looked for in `search_path` if that is given
    /// (as `PATH`), and which is ended after `time_limit`.
    pub fn new(
        name: &str,
        time_limit: Duration,
        search_path: Option<OsString>,
    ) -> Result<Self, HelperError> {
        let valid = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || !name.chars().all(valid) {
            let name = name.to_owned();
            return Err(HelperError::Name { name });
        }
        Ok(Self {
            name: name.to_owned(),
            time_limit,
            search_path,
            prepare: |_| (),
        })
    }

    /// Has `prepare` change how the helper is started.
    #[must_use]
    pub fn prepared_by(mut self, prepare: fn(&mut std::process::Command)) -> Self {
        self.prepare = prepare;
        self
    }

    /// The credentials for the registry that Docker calls `server_address`.
    pub async fn get(&self, server_address: &str) -> Result<Credentials, HelperError> {
        let action = HelperAction::Get;
        let output = self.run(action, server_address.as_bytes()).await?;
        let Some(output) = output else {
            return Ok(Credentials::Anonymous);
        };
        let found: HelperCredentials = self.read(action, &output)?;
        let secret = Secret::new(found.secret);
        Ok(match found.username.as_str() {
            TOKEN_USER => Credentials::IdentityToken(secret),
            "" if secret.is_empty() => Credentials::Anonymous,
            _ => Credentials::Password {
                username: found.username,
                password: secret,
            },
        })
    }

    /// Keeps credentials. Registry tokens are nobody's to keep.
    pub async fn store(
        &self,
        server_address: &str,
        credentials: &Credentials,
    ) -> Result<(), HelperError> {
        let (username, secret) = match credentials {
            Credentials::Password { username, password } => (username.as_str(), password.expose()),
            Credentials::IdentityToken(token) => (TOKEN_USER, token.expose()),
            Credentials::Anonymous | Credentials::RegistryToken(_) => return Ok(()),
        };
        let action = HelperAction::Store;
        let entry = HelperCredentials {
            server_url: server_address.to_owned(),
            username: username.to_owned(),
            secret: secret.to_owned(),
        };
        let input = serde_json::to_vec(&entry).map_err(|source| self.answer(action, source))?;
        self.run(action, &input).await?;
        Ok(())
    }

    /// Forgets credentials; that there are none is fine.
    pub async fn erase(&self, server_address: &str) -> Result<(), HelperError> {
        let action = HelperAction::Erase;
        self.run(action, server_address.as_bytes()).await?;
        Ok(())
    }

    /// The registries that it has credentials for, with their users.
    pub async fn list(&self) -> Result<Vec<(String, String)>, HelperError> {
        let action = HelperAction::List;
        let Some(output) = self.run(action, b"unused").await? else {
            return Ok(Vec::new());
        };
        let found: std::collections::BTreeMap<String, String> = self.read(action, &output)?;
        Ok(found.into_iter().collect())
    }

    // `None`: it says that it has nothing.
    async fn run(
        &self,
        action: HelperAction,
        input: &[u8],
    ) -> Result<Option<Vec<u8>>, HelperError> {
        let mut command = Command::new(format!("docker-credential-{}", self.name));
        if let Some(path) = &self.search_path {
            command.env("PATH", path);
        }
        (self.prepare)(command.as_std_mut());
        command
            .arg(action.argument())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let started = command.spawn();
        let mut child = started.map_err(|source| self.not_started(action, source))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let talk = async {
            if let Some(mut stdin) = stdin {
                // A helper that needs no input may close it.
                drop(stdin.write_all(input).await);
            }
            let mut output = Vec::new();
            if let Some(stdout) = stdout {
                read_limited(stdout, &mut output).await?;
            }
            Ok((child.wait().await?, output))
        };
        let ended = tokio::time::timeout(self.time_limit, talk).await;
        let ended = ended.map_err(|_elapsed| HelperError::Timeout {
            action,
            name: self.name.clone(),
            limit: self.time_limit,
        })?;
        let (status, output) = ended.map_err(|source| HelperError::Talk {
            action,
            name: self.name.clone(),
            source,
        })?;
        if status.success() {
            return Ok(Some(output));
        }
        let said = String::from_utf8_lossy(&output);
        // What is to be kept cannot be missing: then these words are a failure like any other.
        if said.trim() == NOT_FOUND && action != HelperAction::Store {
            return Ok(None);
        }
        Err(HelperError::Failed {
            action,
            name: self.name.clone(),
            status,
            output: said.trim().chars().take(EXCERPT_LIMIT).collect(),
        })
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        action: HelperAction,
        output: &[u8],
    ) -> Result<T, HelperError> {
        serde_json::from_slice(output).map_err(|source| self.answer(action, source))
    }

    fn not_started(&self, action: HelperAction, source: io::Error) -> HelperError {
        let name = self.name.clone();
        if source.kind() == io::ErrorKind::NotFound {
            return HelperError::Missing { action, name };
        }
        HelperError::Start {
            action,
            name,
            source,
        }
    }

    fn answer(&self, action: HelperAction, source: serde_json::Error) -> HelperError {
        HelperError::Answer {
            action,
            name: self.name.clone(),
            source,
        }
    }
}

async fn read_limited(stdout: impl AsyncRead + Unpin, output: &mut Vec<u8>) -> io::Result<()> {
    stdout
        .take(OUTPUT_LIMIT_BYTES + 1)
        .read_to_end(output)
        .await?;
    if output.len() as u64 > OUTPUT_LIMIT_BYTES {
        return Err(io::Error::other("the answer is too long"));
    }
    Ok(())
}
